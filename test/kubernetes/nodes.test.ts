/** Nodes that are drained, cut off and switched off under load. It needs a test cluster of its own of two nodes. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import { conditionOf, type Node, type Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import { OWNERS_AWAITED } from '../../src/platform/kubernetes/router/table-memory.ts';
import { logIn, type SessionLoad } from '../example/session-load.ts';
import { until } from '../cluster/until.ts';
import { isReady, type Community } from './support/community.ts';
import { DATABASE_POD, query } from './support/database-access.ts';
import { assertDrained, startExample, twoOfEach, type Example } from './support/example.ts';
import type { Holdfast } from './support/holdfast.ts';
import {
  crew,
  durationOf,
  everybodyAnswers,
  homesOf,
  logInsWork,
  PASSWORD,
  startLoad,
  summary,
} from './support/members.ts';
import { PodHistory } from './support/pod-history.ts';
import { routersSay } from './support/routers-say.ts';
import { VolumeWriters } from './support/volume-writers.ts';
import { Writer } from './support/writer.ts';

const NODES = ['node1', 'node2'];
const SERVICES = ['login', 'community'];
const TAINT = 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute';

describe('nodes under load', () => {
  let example: Example;
  let holdfast: Holdfast;
  let app: Community;

  before(async () => {
    example = await startExample('nodes', twoOfEach);
    ({ holdfast, app } = example);
  });
  after(() => example?.[Symbol.asyncDispose]());
  afterEach((context) => routersSay(context, app));

  const numberOf = (node: string): number => Number(node.replace('node', ''));
  const nodeOf = (pod: Pod): string => pod.spec.nodeName ?? '';
  const otherThan = (node: string): string => NODES.find((name) => name !== node) ?? '';
  const homeOfDatabase = async (): Promise<string> => nodeOf(await app.readyPod('database'));
  const isNodeReady = async (node: string): Promise<boolean> => {
    const object = await app.client.get<Node>(RESOURCE_TYPES.Node, { name: node });
    return object !== undefined && conditionOf(object, 'Ready')?.status === 'True';
  };
  /** Until Kubernetes has noticed. @returns when, in ms since the epoch */
  const noticed = async (node: string): Promise<number> => {
    await until(`${node} is not Ready`, 90_000, async () => !(await isNodeReady(node)));
    return Date.now();
  };
  const runOn = (part: string, nodes: readonly string[]): Promise<void> =>
    app.until(`${part} runs on ${nodes.join(', ')}`, 120_000, async () => {
      const pods = (await app.pods(part)).filter(isReady);
      return pods.length === 2 && pods.every((pod) => nodes.includes(nodeOf(pod)));
    });
  /** One pod of everything on each node, as after an installation: Kubernetes moves nothing back by itself. */
  const spreadOut = async (): Promise<void> => {
    for (const node of NODES) await until(`${node} is Ready`, 90_000, () => isNodeReady(node));
    await app.restart(...SERVICES);
    for (const part of [...SERVICES, 'router'])
      await app.until(`${part} is spread`, 120_000, async () => {
        const pods = (await app.pods(part)).filter(isReady);
        const [first, second] = pods;
        if (pods.length !== 2 || first === undefined || second === undefined) return false;
        if (nodeOf(first) !== nodeOf(second)) return true;
        if (part === 'router')
          await app.client.remove(RESOURCE_TYPES.Pod, {
            namespace: app.namespace,
            name: second.metadata.name,
          });
        return false;
      });
    await app.ready();
    await app.until('nobody leaves', 120_000, async () =>
      (await app.pods()).every((pod) => pod.metadata.deletionTimestamp === undefined),
    );
  };
  /** The router on one node: what is before the routers notices a dead one by itself, at its own pace. */
  const routerOn = async (node: string): Promise<string> =>
    `http://${(await app.readyPod('router', (pod) => nodeOf(pod) === node)).status?.podIP}:8080`;
  const nodesOfInstances = async (): Promise<Map<string, string>> =>
    new Map((await app.pods('login')).map((pod) => [pod.metadata.name, nodeOf(pod)]));
  const kubectl = (...args: string[]): Promise<string> => holdfast.cluster.kubectl(args);

  it('fails no request while a node is drained, and keeps users until the drain time', async () => {
    const node = otherThan(await homeOfDatabase());
    const load = await startLoad(await app.url(), crew(0));
    using history = await PodHistory.watch(app);
    try {
      const guests = await guestsOf(load, node);
      assert.ok(guests.size > 20, `${guests.size} members are on ${node}`);
      await kubectl(
        'drain',
        node,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--timeout=120s',
        '--pod-selector=holdfast.dev/app',
      );
      for (const part of SERVICES) await runOn(part, [otherThan(node)]);
      await everybodyAnswers(load);
      assertDrained(load, history);
      assert.deepEqual(new Set(load.lost.map(({ email }) => email)), guests);
    } finally {
      await kubectl('uncordon', node);
      await load.end();
    }
  });

  for (const [what, harm, heal] of [
    ['switched off', 'killNode', 'reviveNode'],
    ['cut off', 'partitionNode', 'healNode'],
  ] as const) {
    it(`goes on without a node that is ${what}`, async (t) => {
      await spreadOut();
      const node = otherThan(await homeOfDatabase());
      const load = await startLoad(await routerOn(otherThan(node)), crew(1));
      const guests = await guestsOf(load, node);
      assert.ok(
        guests.size > 20 && guests.size < load.sessions.length,
        `${guests.size} members are on ${node}`,
      );
      try {
        const begun = Date.now();
        await holdfast.cluster[harm](numberOf(node));
        const seen = await noticed(node);
        for (const part of SERVICES) await runOn(part, [otherThan(node)]);
        const capacity = Date.now() - seen;
        await everybodyAnswers(load);
        const others = load.failed.filter(
          ({ email, text }) => text.startsWith('/balance') || !guests.has(email),
        );
        const sessions = load.failed.filter((finding) => !others.includes(finding));
        t.diagnostic(`noticed after ${seen - begun} ms, capacity again ${capacity} ms later`);
        t.diagnostic(
          `any instance: last failure ${lastAfter(others, begun)} ms after, ${JSON.stringify(summary(others))}`,
        );
        t.diagnostic(
          `own users: last failure ${lastAfter(sessions, begun)} ms after, ${JSON.stringify(summary(sessions))}`,
        );
        assert.ok(durationOf(others) <= SHORT, `requests failed over ${durationOf(others)} ms`);
        assert.deepEqual(
          load.lost.filter(({ email }) => !guests.has(email)),
          [],
        );
        assert.deepEqual(new Set(load.lost.map(({ email }) => email)), guests);
        await holdfast.cluster[heal](numberOf(node));
        await app.until(
          'what was there is gone',
          120_000,
          async () => (await app.pods('login')).length === 2 && (await app.pods('community')).length === 2,
        );
        await app.ready();
        const before = load.failed.length;
        await everybodyAnswers(load);
        assert.deepEqual(summary(load.failed.slice(before)), {});
      } finally {
        await holdfast.cluster[heal](numberOf(node));
        await load.end();
      }
    });
  }

  it('never has two servers on one volume, and the data wherever the server is', async (t) => {
    await spreadOut();
    const node = await homeOfDatabase();
    const living = otherThan(node);
    const url = await routerOn(living);
    const writer = await Writer.start(url, 'member-290@example.org', 'member-291@example.org');
    const first = await app.readyPod('database');
    const servers = await VolumeWriters.watch(first);
    let mend = (): Promise<void> => holdfast.cluster.healNode(numberOf(node));
    try {
      await until('payments are made', 30_000, () => Promise.resolve(writer.acknowledged.length > 10));
      assert.equal(await servers.now(), 1);
      await holdfast.cluster.partitionNode(numberOf(node));
      const mayStillRun = new RegExp(
        `node ${node} does not answer. The database is not moved while it may still run there`,
      );
      await app.until('the status says why it waits', 120_000, async () =>
        mayStillRun.test((await app.state()).database?.problem ?? ''),
      );
      assert.match(
        (await app.state()).database?.problem ?? '',
        new RegExp(`kubectl taint nodes ${node} ${TAINT}`),
      );
      assert.equal((await app.condition('Ready'))?.status, 'False');
      assert.equal(await servers.now(), 1, 'it still runs on the node that was cut off');
      assert.equal((await app.get<Pod>(RESOURCE_TYPES.Pod, DATABASE_POD))?.metadata.uid, first.metadata.uid);

      await holdfast.cluster.killNode(numberOf(node));
      mend = () => holdfast.cluster.reviveNode(numberOf(node));
      assert.equal(await servers.now(), 0);
      const begun = Date.now();
      await kubectl('taint', 'nodes', node, TAINT);
      await app.until('the database is elsewhere', 180_000, async () => {
        const pod = await app.get<Pod>(RESOURCE_TYPES.Pod, DATABASE_POD);
        return pod !== undefined && isReady(pod) && nodeOf(pod) === living;
      });
      t.diagnostic(`ready elsewhere ${Date.now() - begun} ms after the taint`);
      const before = writer.acknowledged.length;
      await app.until('payments are made again', 60_000, () =>
        Promise.resolve(writer.acknowledged.length > before + 10),
      );
      await kubectl('taint', 'nodes', node, `${TAINT}-`);
      await mend();
      await until(`${node} is Ready`, 90_000, () => isNodeReady(node));
      await app.ready();
      await writer.end();
      assert.equal(await servers.now(), 1);
      assert.equal(servers.most, 1, 'never two at once');
      const rows = await query(
        app,
        "SELECT idempotency_key AS payment FROM transfers WHERE purpose LIKE 'payment-%'",
      );
      const kept = new Set(rows.map(({ payment }) => payment));
      assert.deepEqual(
        writer.acknowledged.filter((key) => !kept.has(key)),
        [],
      );
      assert.equal(kept.size, rows.length);
      t.diagnostic(`payments were away for ${Math.round(writer.longestGap)} ms in all`);
    } finally {
      await writer.end();
      await servers.end();
      await kubectl('taint', 'nodes', node, `${TAINT}-`).catch(() => 'it has gone before');
      await mend();
    }
  });

  /** Kubernetes' controllers are frozen when there is one more that is not Ready yet: nobody hears that it is. */
  const untoldInstance = async (): Promise<{ name: string; before: Set<string> }> => {
    const { cluster } = holdfast;
    for (let tries = 0; tries < 5; tries += 1) {
      const before = new Set((await app.pods('login')).map(({ metadata }) => metadata.name));
      const added = async (): Promise<Pod | undefined> =>
        (await app.pods('login')).find(({ metadata }) => !before.has(metadata.name));
      await app.scale({ login: before.size + 1 });
      await until('there is one more', 60_000, async () => (await added()) !== undefined);
      await cluster.freezeControllers();
      const pod = await added();
      if (pod !== undefined && !isReady(pod)) return { name: pod.metadata.name, before };
      // It was faster, and is known by now.
      await cluster.thawControllers();
      await app.ready();
    }
    throw new Error('every instance was Ready before the controllers were frozen');
  };

  it('sends nobody to an instance of which Kubernetes has not told the routers yet', async () => {
    const { cluster } = holdfast;
    const url = await app.url();
    // Login may still have connections to where the database was.
    await logInsWork(url);
    try {
      const { name, before } = await untoldInstance();
      await app.until('it owns users', 60_000, async () => {
        const { services = [] } = await app.state();
        const instances = services.flatMap((service) => service.instances);
        return instances.some(({ id, share = 0 }) => id === name && share > 0);
      });
      const served = new Set<string>();
      const begun = performance.now();
      // Newcomers follow the table. Each logs in alone, so that they are spread over the time.
      for (const email of crew(3)) {
        for (const { instance } of await logIn(url, [email], PASSWORD)) served.add(instance);
        await delay(50);
      }
      assert.ok(performance.now() - begun > 2 * OWNERS_AWAITED);
      assert.deepEqual(served, before);
      // A router that is busy may have given the controller no answer in time, which asks it again.
      await app.until('the App says what is missing', 30_000, async () =>
        /does not (route by epoch|send requests to)/.test((await app.condition('Ready'))?.message ?? ''),
      );
      await cluster.thawControllers();
      await app.ready();
      const late = await logIn(url, crew(4), PASSWORD);
      assert.ok(late.some(({ instance }) => instance === name));
    } finally {
      await cluster.thawControllers();
    }
  });

  /** Who has a session on a node. */
  async function guestsOf(load: SessionLoad, node: string): Promise<Set<string>> {
    const nodes = await nodesOfInstances();
    const homes = [...homesOf(load.sessions)];
    return new Set(homes.flatMap(([email, instance]) => (nodes.get(instance) === node ? [email] : [])));
  }
});

/** For so long at most may requests that any instance can answer fail when one is lost without a word; ms. */
const SHORT = 10_000;

function lastAfter(findings: SessionLoad['failed'], begun: number): number {
  return findings.length === 0 ? 0 : Math.max(...findings.map(({ at }) => at)) - begun;
}
