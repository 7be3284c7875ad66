/** Releases under load: nobody loses a session or an answer, and what doesn't get ready takes itself back. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import { buildImages } from './support/cluster.ts';
import { exampleMigrations, isReady, type Community, type Spec } from './support/community.ts';
import { assertDrained, startExample, twoOfEach, type Example } from './support/example.ts';
import { install, type Holdfast } from './support/holdfast.ts';
import { assertUnharmedIn, crew, membersSql, startLoad, summary } from './support/members.ts';
import { loadUnderTags } from './support/more-tags.ts';
import { PodHistory } from './support/pod-history.ts';
import { routersSay } from './support/routers-say.ts';

/** `health.start` of a version that never gets ready, and what it has beyond that; ms. */
const START = 5_000;
const RELEASE_MARGIN = 30_000;

const bothOf =
  (tag: string) =>
  ({ services }: Spec): void => {
    for (const name of ['login', 'community'] as const)
      services[name].image = `localhost/community/${name}:${tag}`;
  };

describe('a release under load', () => {
  let example: Example;
  let holdfast: Holdfast;
  let app: Community;
  let url: string;

  before(async () => {
    example = await startExample('release', twoOfEach);
    ({ holdfast, app, url } = example);
    const { login, community, holdfast: program, database } = await buildImages();
    for (const archive of [login, community]) await loadUnderTags(holdfast.cluster, archive, ['2', '3', '4']);
    for (const archive of [program, database]) await loadUnderTags(holdfast.cluster, archive, ['2']);
  });
  after(() => example?.[Symbol.asyncDispose]());
  afterEach((context) => routersSay(context, app));

  /** The release is in force, and nobody leaves any more. */
  const settled = async (): Promise<void> => {
    await app.ready();
    await app.until('the old instances are gone', 120_000, async () => (await app.pods()).every(isSettled));
  };
  /** Takes back what made a version fail. */
  const corrected = ({ services }: Spec): void => {
    services.login.health.ready = '/ready';
    services.login.health.start = '30s';
  };
  const isSettled = (pod: Pod): boolean =>
    isReady(pod) || pod.metadata.labels?.['app.kubernetes.io/name'] === 'migrations';
  const imagesOf = async (service: string): Promise<Set<string>> =>
    new Set((await app.pods(service)).map(imageOf));

  it('migrates, waits, starts the new ones, and only then lets the old ones go', async () => {
    const load = await startLoad(url, crew(0));
    using history = await PodHistory.watch(app);
    try {
      await app.migrateBy('v2', {
        ...(await exampleMigrations()),
        'V6__more.sql': membersSql(),
        'V7__slow.sql':
          'ALTER TABLE transfers ADD COLUMN place VARCHAR(50);\nUPDATE members SET name = name WHERE id = 1 AND SLEEP(3) = 0;\n',
      });
      await app.apply(bothOf('2'));
      await settled();
      assert.deepEqual(await imagesOf('login'), new Set(['localhost/community/login:2']));
      assert.deepEqual(await imagesOf('community'), new Set(['localhost/community/community:2']));
      // The one before was complete from the start.
      const migrated = Math.max(...history.completed.values());
      for (const service of ['login', 'community']) {
        const [started, ready] = [history.of(service, 'started'), history.of(service, 'ready')];
        const leaving = history.of(service, 'leaving');
        assert.equal(leaving.length, 2, 'two old instances left');
        assert.ok(
          started.every(({ at }) => at >= migrated),
          'no new instance runs before the migration',
        );
        leaving.forEach(({ at }, index) => {
          const first = ready[index];
          assert.ok(
            first !== undefined && first.at <= at,
            'a new instance is ready before an old one leaves',
          );
        });
      }
      assert.deepEqual(history.fewest, { login: 2, community: 2 });
      assertDrained(load, history);
      assert.ok(load.lost.length > 0, 'the checker has seen the users of leaving instances');
    } finally {
      await load.end();
    }
  });

  it('may be overtaken by a second release', async () => {
    const load = await startLoad(url, crew(1));
    using history = await PodHistory.watch(app);
    try {
      await app.apply(bothOf('3'));
      await app.until('the first one is under way', 60_000, async () =>
        Promise.resolve(history.of('login', 'ready').length > 0),
      );
      await app.apply(bothOf('4'));
      await settled();
      assert.deepEqual(await imagesOf('login'), new Set(['localhost/community/login:4']));
      assert.deepEqual(await imagesOf('community'), new Set(['localhost/community/community:4']));
      assert.ok(Math.min(...Object.values(history.fewest)) >= 2, 'two instances were always ready');
      assertDrained(load, history);
    } finally {
      await load.end();
    }
  });

  // One whose image is missing is with Helm, one that crashes with the pods that need too much memory.
  it('takes a version back that never gets ready, and nobody notices', async (t) => {
    const load = await startLoad(url, crew(2));
    using history = await PodHistory.watch(app);
    try {
      await app.apply(({ services }) => {
        services.login.health.ready = '/login/nowhere';
        services.login.health.start = `${START / 1000}s`;
      });
      const begun = Date.now();
      const message = await app.told('RolledBack', 'NotReadyInTime', START + RELEASE_MARGIN + 60_000);
      const took = Date.now() - begun;
      t.diagnostic(`taken back after ${took} ms: ${message}`);
      assert.match(message, /login/);
      assert.match(message, /What was ready before is in force again/);
      assert.ok(took > START, `was given its time, ${took} ms`);
      await app.until('what was tried is gone', 60_000, async () => (await app.pods()).every(isSettled));
      assert.deepEqual(history.fewest, { login: 2, community: 2 });
      await assertUnharmedIn(app, load);
      await app.apply(corrected);
      await app.ready();
      assert.equal(await app.condition('RolledBack'), undefined);
      await assertUnharmedIn(app, load);
    } finally {
      await app.apply(corrected);
      await load.end();
    }
  });

  it('scales login up and down, each session where it was until its instance has drained', async () => {
    const load = await startLoad(url, crew(2));
    using history = await PodHistory.watch(app);
    try {
      await app.scale({ login: 4 });
      await app.until(
        'four are ready',
        60_000,
        async () => (await app.pods('login')).filter(isReady).length === 4,
      );
      await settled();
      await assertUnharmedIn(app, load);
      const newcomers = await startLoad(url, crew(0));
      try {
        await app.scale({ login: 2 });
        await app.until('two are leaving', 60_000, async () =>
          Promise.resolve(history.of('login', 'leaving').length === 2),
        );
        await settled();
        assertDrained(load, history);
        assertDrained(newcomers, history);
        assert.ok(
          newcomers.lost.length > 10,
          `${newcomers.lost.length} newcomers were with leaving instances`,
        );
      } finally {
        await newcomers.end();
      }
    } finally {
      await load.end();
    }
  });

  it('restarts both services, no request failed', async () => {
    const load = await startLoad(url, crew(1));
    using history = await PodHistory.watch(app);
    try {
      await app.restart('login', 'community');
      await app.until('four have left', 120_000, async () =>
        Promise.resolve(history.moments.filter(({ change }) => change === 'leaving').length === 4),
      );
      await settled();
      assert.deepEqual(history.fewest, { login: 2, community: 2 });
      assertDrained(load, history);
    } finally {
      await load.end();
    }
  });

  it('replaces no instance when only Holdfast has a new version', async () => {
    const load = await startLoad(url, crew(1));
    using history = await PodHistory.watch(app);
    const isOfVersion2 = async (): Promise<boolean> => {
      const pods = [...(await app.pods('router')), ...(await app.pods('database'))];
      return pods.length === 3 && pods.every((pod) => isReady(pod) && imageOf(pod).endsWith(':2'));
    };
    try {
      await install(holdfast, {
        values: {
          image: { repository: 'localhost/holdfast', tag: '2', pullPolicy: 'Never' },
          databaseImage: { repository: 'localhost/holdfast-database', tag: '2' },
        },
      });
      await app.until('routers and database are of version 2', 180_000, isOfVersion2);
      await app.quiet();
      assert.deepEqual(
        history.moments.filter(({ change }) => change === 'created' || change === 'leaving'),
        [],
      );
      await assertUnharmedIn(app, load, ({ lost, failed }) => {
        assert.deepEqual(summary(lost), {});
        // What asks the database has to do without it while its pod is replaced.
        assert.deepEqual(summary(failed.filter(({ text }) => !text.startsWith('/balance: 503'))), {});
      });
    } finally {
      await load.end();
      // Without it, since its routers and its database would be replaced once more.
      await app.end();
      await install(holdfast);
    }
  });
});

function imageOf({ spec }: Pod): string {
  const { containers = [] } = spec as { readonly containers?: readonly { readonly image: string }[] };
  return containers[0]?.image ?? '';
}
