/** The two charts as a user of Helm lives with them: install, upgrade, rollback, uninstall, with Helm 4 and Helm 3. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RESOURCE_TYPES, type KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import { repository } from '../cluster/run-script.ts';
import { exampleSpec } from '../charts/ci-values.ts';
import { until } from '../cluster/until.ts';
import { logIn } from '../example/session-load.ts';
import { buildImages } from './support/cluster.ts';
import { Community, isReady } from './support/community.ts';
import {
  APP_CHART_IMAGE,
  CONTROLLER_NAMESPACE,
  install,
  startHoldfast,
  type HelmResult,
  type HelmVersion,
  type Holdfast,
} from './support/holdfast.ts';
import { assertUnharmedIn, PASSWORD, startLoad } from './support/members.ts';
import { loadUnderTags } from './support/more-tags.ts';
import { PodHistory } from './support/pod-history.ts';

/** As long as a release may take that nothing is wrong with, on a busy machine. */
const TIMEOUT = '--timeout=240s';
/** Until the controllers are gone, or there again. */
const ROLLOUT = '--timeout=180s';
/** Until everything that is removed is gone; ms. */
const GONE = 120_000;
/** `health.start` of a version that does not get ready, and what it has beyond that; ms. */
const START = 5_000;
const RELEASE_MARGIN = 30_000;
/** With what Helm, the pod that waits and the way back take, on a machine that does much else; ms. */
const NOTICED_WITHIN = START + RELEASE_MARGIN + 120_000;
const MEMBERS = ['alice@example.org', 'bob@example.org', 'carol@example.org'];

/** Until an Event can be read; ms. */
const EVENT_WITHIN = 30_000;

type Tree = Record<string, unknown>;

/** The values of an installation: holdfast.yaml of the example, and the image of this working copy. */
function values(
  change: (spec: { services: Record<string, Tree> } & Tree) => void = () => undefined,
  own: object = {},
): Tree {
  const spec = structuredClone(exampleSpec()) as { services: Record<string, Tree> } & Tree;
  Object.assign(spec.services['login']?.['stateful'] ?? {}, { drain: '5s' });
  change(spec);
  return { ...spec, global: { holdfast: { image: APP_CHART_IMAGE, ...own } } };
}

const withLogin = (image: string, health: object = {}): Tree =>
  values(({ services }) => {
    Object.assign(services['login'] ?? {}, { image });
    Object.assign(services['login']?.['health'] ?? {}, health);
  });

describe('an installation with Helm', () => {
  let holdfast: Holdfast;
  before(async () => {
    holdfast = await startHoldfast();
    await loadUnderTags(holdfast.cluster, (await buildImages()).login, ['2']);
  });
  after(() => holdfast?.[Symbol.asyncDispose]());

  const run = async (version: HelmVersion, args: readonly string[], given?: Tree): Promise<HelmResult> =>
    holdfast.helm(version, args, given);
  const must = async (version: HelmVersion, args: readonly string[], given?: Tree): Promise<string> => {
    const { code, output } = await run(version, args, given);
    assert.equal(code, 0, `${version} ${args.join(' ')}: ${output}`);
    return output;
  };
  const assertReady = async (app: Community): Promise<void> => {
    assert.equal((await app.condition('Ready'))?.status, 'True', JSON.stringify(await app.state()));
    for (const part of ['login', 'community', 'database', 'router'])
      assert.ok((await app.pods(part)).some(isReady), `${part} is ready`);
  };
  const loginImages = async (app: Community): Promise<string[]> => {
    const pods = (await app.pods('login')).filter(isReady) as unknown as {
      spec: { containers: { image: string }[] };
    }[];
    return pods.flatMap(({ spec }) => spec.containers.map(({ image }) => image));
  };

  const installation = ({ namespace }: Community): string[] => [
    'install',
    'shop',
    'charts/app',
    `--namespace=${namespace}`,
    '--wait',
    TIMEOUT,
  ];
  const upgrade = (version: HelmVersion, app: Community): string[] => {
    const atomic = version === 'helm4' ? '--rollback-on-failure' : '--atomic';
    return ['upgrade', 'shop', 'charts/app', `--namespace=${app.namespace}`, '--wait', atomic, TIMEOUT];
  };
  const uninstall = (version: HelmVersion, app: Community): Promise<string> =>
    must(version, ['uninstall', 'shop', `--namespace=${app.namespace}`, '--wait', TIMEOUT]);

  /** What is left of an application once everything that goes is gone. */
  const remains = async (app: Community): Promise<string[]> => {
    const kinds = Object.entries(RESOURCE_TYPES).filter(
      ([kind, { namespaced }]) =>
        namespaced && !['Event', 'NetworkPolicy', 'SelfSubjectAccessReview', 'Lease'].includes(kind),
    );
    const present = async (): Promise<KubeObject[]> =>
      (
        await Promise.all(kinds.map(([, type]) => holdfast.client.list(type, { namespace: app.namespace })))
      ).flatMap(({ items }) => items);
    let left: string[] = [];
    const isQuiet = async (): Promise<boolean> => {
      const objects = (await present()).filter(({ metadata }) => !OF_EVERY_NAMESPACE.test(metadata.name));
      left = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).toSorted();
      return left.every(
        (name) =>
          !/^(Pod|ReplicaSet|Deployment|Service|ConfigMap|App|EndpointSlice|StatefulSet)\//.test(name),
      );
    };
    await app.until('what goes is gone', GONE, isQuiet).catch(() => undefined);
    return left;
  };

  /** Installed, tested, and upgraded to an image that there is not: nobody notices, and it is taken back. */
  const assertInstalls = async (version: HelmVersion, app: Community): Promise<void> => {
    await must(version, installation(app), values());
    await assertReady(app);
    const tested = await must(version, ['test', 'shop', `--namespace=${app.namespace}`, TIMEOUT]);
    assert.match(tested, /POST \/login\/session/);

    const load = await startLoad(await app.url(), MEMBERS, 300);
    using history = await PodHistory.watch(app);
    const begun = performance.now();
    try {
      const none = withLogin('localhost/community/login:none', { start: `${START / 1000}s` });
      const bad = await run(version, upgrade(version, app), none);
      assert.notEqual(bad.code, 0);
      assert.match(bad.output, /login:none/, 'it says why');
      assert.ok(load.answered > 0, 'there was load');
    } finally {
      await load.end();
    }
    assert.ok(performance.now() - begun < NOTICED_WITHIN, 'it is noticed in time, and taken back');
    await assertUnharmedIn(app, load);
    await assertReady(app);
    assert.deepEqual(history.fewest, { login: 2, community: 2 });
    await app.until('an Event says that Holdfast has taken it back', EVENT_WITHIN, async () =>
      (await app.events()).some(({ reason, note }) => reason === 'RolledBack' && /login:none/.test(note)),
    );
  };

  // They share nothing but the controllers, and wait for most of the time.
  describe('side by side', { concurrency: true }, () => {
    it('Helm 4 installs, tests, upgrades, rolls back and removes an application, and finds its data again', async () => {
      await using app = await Community.in(holdfast, 'install-helm4');
      await assertInstalls('helm4', app);
      await must('helm4', upgrade('helm4', app), withLogin('localhost/community/login:2'));
      await assertReady(app);
      assert.deepEqual(await loginImages(app), [
        'localhost/community/login:2',
        'localhost/community/login:2',
      ]);
      await must('helm4', ['rollback', 'shop', '1', `--namespace=${app.namespace}`, '--wait', TIMEOUT]);
      await assertReady(app);
      assert.deepEqual(await loginImages(app), [
        'localhost/community/login:1',
        'localhost/community/login:1',
      ]);

      await pay(await app.url(), 'alice@example.org', 'bob@example.org');
      const password = await app.secret('community-database', 'holdfast');
      await uninstall('helm4', app);
      assert.deepEqual(await remains(app), KEPT);
      await must('helm4', installation(app), values(undefined, { deleteData: true }));
      assert.equal(await app.secret('community-database', 'holdfast'), password);
      assert.equal(await balance(await app.url(), 'bob@example.org'), 11_250, 'the data was kept');
      await uninstall('helm4', app);
      assert.deepEqual(await remains(app), []);
    });

    it('Helm 3, which knows nothing of conditions, waits as well', async () => {
      await using app = await Community.in(holdfast, 'install-helm3');
      await assertInstalls('helm3', app);
      await uninstall('helm3', app);
      assert.deepEqual(await remains(app), KEPT);
    });
  });

  it('refuses wrong values at once, by the chart and by the API server', async () => {
    await using app = await Community.in(holdfast, 'install-wrong');
    const here = '--namespace=install-wrong';
    const wrong = values(({ services }) => Object.assign(services['login'] ?? {}, { instances: { mni: 2 } }));
    for (const version of ['helm4', 'helm3'] as const) {
      const { code, output } = await run(version, ['install', 'shop', 'charts/app', here], wrong);
      assert.notEqual(code, 0);
      assert.match(output, /services[./]login[./]instances.*mni/s);
    }
    const { global: _, ...spec } = wrong;
    const object = {
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'community' },
      spec,
    };
    const applied = holdfast.cluster.kubectl(['apply', here, '-f', '-'], JSON.stringify(object));
    await assert.rejects(applied, /unknown field "spec\.services\.login\.instances\.mni"/);
    assert.equal(await app.get(RESOURCE_TYPES.App, 'community'), undefined);
  });

  it('looks unready to whoever reads it before the controller has', async () => {
    await using app = await Community.in(holdfast, 'install-unseen');
    const where = ['-n', CONTROLLER_NAMESPACE, 'deployment/holdfast'];
    await holdfast.cluster.kubectl(['scale', ...where, '--replicas=0']);
    await holdfast.cluster.kubectl(['rollout', 'status', ...where, ROLLOUT]);
    try {
      const args = ['install', 'shop', 'charts/app', '--namespace=install-unseen', '--wait', '--timeout=5s'];
      const { code, output } = await run('helm4', args, values(undefined, { waitSeconds: 0 }));
      assert.notEqual(code, 0, output);
      assert.match(output, /App\/install-unseen\/community.*InProgress/);
    } finally {
      await holdfast.cluster.kubectl(['scale', ...where, '--replicas=2']);
      await holdfast.cluster.kubectl(['rollout', 'status', ...where, ROLLOUT]);
    }
    await app.ready();
  });

  it('brings the definition of App up to date with the chart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-older-'));
    try {
      const chart = join(folder, 'holdfast');
      await cp(join(repository, 'charts/holdfast'), chart, { recursive: true });
      const file = join(chart, 'templates/crd.yaml');
      const text = await readFile(file, 'utf8');
      const older = text.replaceAll(
        'An application that Holdfast runs on this cluster.',
        'An older definition.',
      );
      assert.notEqual(older, text);
      await writeFile(file, older);
      const explain = (): Promise<string> => holdfast.cluster.kubectl(['explain', 'app']);
      const isExplained = (words: RegExp): Promise<void> =>
        until(`kubectl explains: ${words.source}`, 30_000, async () => words.test(await explain()));
      await install(holdfast, { chart });
      await isExplained(/An older definition/);
      await install(holdfast);
      await isExplained(/An application that Holdfast runs on this cluster/);
    } finally {
      await rm(folder, { recursive: true });
      await install(holdfast);
    }
  });
});

/** What an uninstallation leaves. */
const KEPT = [
  'PersistentVolumeClaim/data-community-database-0',
  'Secret/community-database',
  'Secret/community-generated',
];
const OF_EVERY_NAMESPACE = /^(kube-root-ca\.crt|default|migrations-v1|sh\.helm\.release.*)$/;

async function pay(url: string, from: string, to: string): Promise<void> {
  const [session] = await logIn(url, [from], PASSWORD);
  const response = await fetch(`${url}/transfers`, {
    method: 'POST',
    headers: {
      'x-user': from,
      authorization: `Bearer ${session?.token ?? ''}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ to, cents: 1250, memo: '' }),
  });
  assert.equal(response.status, 201, await response.text());
}

async function balance(url: string, email: string): Promise<number> {
  const [session] = await logIn(url, [email], PASSWORD);
  const headers = { 'x-user': email, authorization: `Bearer ${session?.token ?? ''}` };
  const response = await fetch(`${url}/balance`, { headers });
  return ((await response.json()) as { cents: number }).cents;
}
