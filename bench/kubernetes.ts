/**
 * The example on a cluster of two nodes of its own: how long an installation takes, what a release costs its
 * users, and what a node that dies does, with the test cluster's quick node settings and with Kubernetes' own.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { RESOURCE_TYPES } from '../src/platform/kubernetes/api/kube-object.ts';
import { conditionOf, type Node, type Pod } from '../src/platform/kubernetes/observe/kinds.ts';
import { until } from '../test/cluster/until.ts';
import { buildImages } from '../test/kubernetes/support/cluster.ts';
import { Community, exampleMigrations, isReady } from '../test/kubernetes/support/community.ts';
import { APP_CHART_IMAGE, startHoldfast, type Holdfast } from '../test/kubernetes/support/holdfast.ts';
import { crew, homesOf, membersSql, startLoad } from '../test/kubernetes/support/members.ts';
import { loadUnderTags } from '../test/kubernetes/support/more-tags.ts';
import type { Finding } from '../test/example/session-load.ts';
import type { Bench } from './bench.ts';
import { median, spread, type Measurement } from './measurement.ts';
import { timesInForce } from './routers-in-force.ts';

const ROOT = join(import.meta.dirname, '..');
const INSTALLATIONS = 3;
const LOG_IN = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-user': 'alice@example.org' },
  body: JSON.stringify({ email: 'alice@example.org', password: 'holdfast' }),
};
const WAIT = 180_000;
const NAME = 'hfbench';
const OWN = {
  HOLDFAST_CLUSTER_NAME: NAME,
  HOLDFAST_CLUSTER_RUN: `/run/holdfast-${NAME}`,
  HOLDFAST_CLUSTER_NET: '10.91.0',
  HOLDFAST_CLUSTER_PODS: '10.229',
  HOLDFAST_CLUSTER_SERVICES: '10.112',
};

export const kubernetes: Bench = {
  title: 'install, release and a dead node on a cluster of two nodes',
  async run(progress) {
    execFileSync(join(ROOT, 'test', 'cluster', 'prepare'), { stdio: 'ignore' });
    const quick = await onCluster(OWN, async (holdfast) => [
      ...(await installations(holdfast, progress)),
      ...(await release(holdfast, progress)),
      ...(await inForce(holdfast, progress)),
      ...(await deadNode(holdfast, 'kubernetes.node', progress)),
    ]);
    const stock = await onCluster({ ...OWN, HOLDFAST_CLUSTER_TIMING: 'stock' }, (holdfast) =>
      deadNode(holdfast, 'kubernetes.node.stock', progress),
    );
    return [...quick, ...stock];
  },
};

type Progress = (text: string) => void;

async function onCluster(
  env: Record<string, string>,
  measure: (holdfast: Holdfast) => Promise<Measurement[]>,
): Promise<Measurement[]> {
  await using holdfast = await startHoldfast({ env });
  return await measure(holdfast);
}

/** From `helm install` to the first member who is logged in; the images are on the nodes. */
async function installations(holdfast: Holdfast, progress: Progress): Promise<Measurement[]> {
  const file = parse(await readFile(join(ROOT, 'examples/community/holdfast.yaml'), 'utf8')) as object;
  const values = { ...file, global: { holdfast: { image: APP_CHART_IMAGE, waitSeconds: 0 } } };
  const times: number[] = [];
  while (times.length < INSTALLATIONS) {
    await using space = await holdfast.namespace('install');
    const begun = performance.now();
    const args = ['install', 'community', 'charts/app', `--namespace=${space.name}`];
    const { code, output } = await holdfast.helm('helm4', args, values);
    if (code !== 0) throw new Error(output);
    await until('somebody is logged in', WAIT, () => canLogIn(holdfast, space.name));
    times.push((performance.now() - begun) / 1000);
    progress(`installed and logged in after ${times.at(-1)?.toFixed(1)} s`);
  }
  return [
    {
      name: 'kubernetes.install',
      value: median(times),
      unit: 's',
      goal: 45,
      about: `helm install to the first routed login, median, ${spread(times)}`,
    },
  ];
}

async function canLogIn({ client }: Holdfast, namespace: string): Promise<boolean> {
  const service = await client.get(RESOURCE_TYPES.Service, { namespace, name: 'community-router' });
  if (service === undefined) return false;
  const { clusterIP } = (service as unknown as { readonly spec: { readonly clusterIP: string } }).spec;
  const answer = await fetch(`http://${clusterIP}/login/session`, LOG_IN).catch(() => undefined);
  return answer?.status === 201;
}

/** Both services get a new image while a hundred members make 200 requests/s. */
async function release(holdfast: Holdfast, progress: Progress): Promise<Measurement[]> {
  const images = await buildImages();
  for (const archive of [images.login, images.community])
    await loadUnderTags(holdfast.cluster, archive, ['2']);
  await using app = await community(holdfast);
  const load = await startLoad(await app.url(), crew(0));
  try {
    const begun = performance.now();
    await app.apply(({ services }) => {
      for (const service of [services.login, services.community])
        service.image = service.image.replace(/:1$/, ':2');
    });
    await app.ready();
    const seconds = (performance.now() - begun) / 1000;
    await app.quiet();
    progress(`released after ${seconds.toFixed(1)} s, ${load.failed.length} failed of ${load.answered}`);
    return [
      { name: 'kubernetes.release', value: seconds, unit: 's', about: 'both services, until Ready' },
      {
        name: 'kubernetes.release.failed',
        value: load.failed.length,
        unit: 'requests',
        goal: 0,
        about: `of ${load.answered}; sessions ended by the drain time of 5 s: ${load.lost.length}`,
      },
    ];
  } finally {
    await load.end();
  }
}

/** `login` is scaled while a hundred members make 200 requests/s. */
async function inForce(holdfast: Holdfast, progress: Progress): Promise<Measurement[]> {
  await using app = await community(holdfast);
  const load = await startLoad(await app.url(), crew(0));
  try {
    const times = await timesInForce(app);
    const [value, slowest] = [median(times), Math.max(...times)];
    progress(
      `${times.length} owner tables in force after ${value.toFixed(0)} ms, at most ${slowest.toFixed(0)} ms`,
    );
    return [
      {
        name: 'kubernetes.in-force',
        value,
        unit: 'ms',
        goal: 1_000,
        about: `from the published owner table to the last of two routers, median, ${spread(times)}`,
      },
    ];
  } finally {
    await load.end();
  }
}

/** The node without the database is switched off under load; users come through the router that lives. */
async function deadNode(holdfast: Holdfast, name: string, progress: Progress): Promise<Measurement[]> {
  await using app = await community(holdfast);
  const living = (await app.readyPod('database')).spec.nodeName ?? '';
  const dead = living === 'node1' ? 'node2' : 'node1';
  const router = await app.readyPod('router', (pod) => pod.spec.nodeName === living);
  const load = await startLoad(`http://${router.status?.podIP}:8080`, crew(1));
  try {
    const homes = homesOf(load.sessions);
    const lost = new Set(
      (await app.pods('login')).filter((p) => p.spec.nodeName === dead).map((p) => p.metadata.name),
    );
    const begun = Date.now();
    await holdfast.cluster.killNode(Number(dead.replace('node', '')));
    await until(`${dead} is noticed`, WAIT, async () => !(await answers(holdfast, dead)));
    const noticed = Date.now();
    for (const service of ['login', 'community'])
      await until(`${service} is whole again`, WAIT, async () => isWhole(await app.pods(service), living));
    const whole = Date.now();
    await until('nobody fails any more', WAIT, () =>
      Promise.resolve(Date.now() - lastOf(load.failed, whole) > 5_000),
    );
    const isOfDead = ({ email, text }: Finding): boolean =>
      text.startsWith('/login') && lost.has(homes.get(email) ?? '');
    const others = load.failed.filter((finding) => !isOfDead(finding));
    const own = load.failed.filter(isOfDead);
    progress(`noticed after ${(noticed - begun) / 1000} s, whole ${(whole - noticed) / 1000} s later`);
    return [
      { name: `${name}.noticed`, value: (noticed - begun) / 1000, unit: 's', about: 'by Kubernetes itself' },
      {
        name: `${name}.whole`,
        value: (whole - noticed) / 1000,
        unit: 's',
        goal: 15,
        about: 'from then to full capacity',
      },
      {
        name: `${name}.failing`,
        value: spanOf(others, begun),
        unit: 's',
        goal: 3,
        about: `until no request of others failed; ${others.length} of ${load.answered + load.failed.length} did`,
      },
      {
        name: `${name}.own`,
        value: spanOf(own, begun),
        unit: 's',
        about: `until those whose session was on it were served elsewhere; ${own.length} requests got 503`,
      },
    ];
  } finally {
    await load.end();
    await holdfast.cluster.reviveNode(Number(dead.replace('node', '')));
  }
}

async function community(holdfast: Holdfast): Promise<Community> {
  const files = { ...(await exampleMigrations()), 'V6__more.sql': membersSql() };
  const app = await Community.in(holdfast, 'bench', files);
  await app.apply(({ services }) => {
    services.login.stateful.drain = '5s';
  });
  await app.quiet();
  return app;
}

async function answers({ client }: Holdfast, name: string): Promise<boolean> {
  const node = await client.get<Node>(RESOURCE_TYPES.Node, { name });
  return node !== undefined && conditionOf(node, 'Ready')?.status === 'True';
}

function isWhole(pods: readonly Pod[], node: string): boolean {
  return pods.filter((pod) => isReady(pod) && pod.spec.nodeName === node).length >= 2;
}

function lastOf(findings: readonly Finding[], otherwise: number): number {
  return Math.max(otherwise, ...findings.map(({ at }) => at));
}

/** From `begun` to the last of them; s. */
function spanOf(findings: readonly Finding[], begun: number): number {
  return findings.length === 0 ? 0 : (lastOf(findings, begun) - begun) / 1000;
}
