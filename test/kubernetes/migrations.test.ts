/** Migrations on a cluster: by a Job, exactly once whatever ends its pod, while old instances serve. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import type { Job, Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import { PaymentLoad } from '../example/payment-load.ts';
import { logIn, SessionLoad } from '../example/session-load.ts';
import { BETWEEN, CHANGED_CODE, codeOfBoth, RELEASE_FILES } from '../example/version-before.ts';
import { buildImages } from './support/cluster.ts';
import { Community, exampleMigrations, isReady, READY_WITHIN, type Files } from './support/community.ts';
import { query } from './support/database-access.ts';
import { migrationsWithMembers, startExample, twoOfEach, type Example } from './support/example.ts';
import type { Holdfast } from './support/holdfast.ts';
import {
  assertUnharmedIn,
  crew,
  everybodyAnswers,
  logInsWork,
  membersSql,
  PASSWORD,
  startLoad,
} from './support/members.ts';
import { loadWithFile } from './support/more-tags.ts';
import { killIn } from './support/pod-processes.ts';
import { PodHistory } from './support/pod-history.ts';

/** Long enough for a pod to be ended in its middle. */
const SLOW = 8;
const markBy = (mark: string): string =>
  `UPDATE members SET name = CONCAT(name, '${mark}') WHERE id = 1 AND SLEEP(${SLOW}) = 0;\n`;

describe('migrations on a cluster', () => {
  let example: Example;
  let holdfast: Holdfast;
  let app: Community;
  /** What there is before any test. */
  let base: Files;
  /** What has been asked for so far. */
  let files: Files;

  before(async () => {
    example = await startExample('migrations', () => undefined);
    ({ holdfast, app } = example);
    files = base = await migrationsWithMembers();
  });
  after(() => example?.[Symbol.asyncDispose]());

  /** Adds files and asks for the set that they make. */
  const add = async (name: string, more: Record<string, string>): Promise<void> => {
    files = { ...files, ...more };
    await app.migrateBy(name, files);
    await app.apply();
  };
  const nameOfFirst = async (): Promise<string> =>
    String((await query(app, 'SELECT name FROM members WHERE id = 1'))[0]?.['name']);
  /** The pod that runs a slow statement now. */
  const migrator = async (): Promise<Pod> => {
    await app.until('the slow statement runs', 90_000, async () => {
      const running = await query(
        app,
        "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE '/* holdfast migration */ UPDATE members%SLEEP%'",
      );
      return Number(running[0]?.['n']) > 0;
    });
    const running = async (): Promise<Pod | undefined> =>
      (await app.pods('migrations')).find(({ status }) => status?.phase === 'Running');
    await app.until('its pod is known to run', 30_000, async () => (await running()) !== undefined);
    const pod = await running();
    assert.ok(pod);
    return pod;
  };
  const outputOf = (app: Community, pod: string, container: string): Promise<string> =>
    holdfast.cluster.kubectl(['logs', '--namespace', app.namespace, pod, '--container', container]);

  it('lets a failed one hold a release back, while old instances serve', async () => {
    const load = await startLoad(await app.url(), crew(0, 50));
    using history = await PodHistory.watch(app);
    try {
      files = {
        ...files,
        'V8__places.sql': 'CREATE TABLE places (id INT PRIMARY KEY);\n\nINSERT INTO plces VALUES (1);\n',
      };
      await app.migrateBy('failing', files);
      await app.apply(({ services }) => (services.community.env['RELEASE'] = { value: '2' }));
      const message = await app.told('Stalled', 'MigrationFailed');
      assert.match(message, /V8__places\.sql:3: .*plces/);
      assert.match(message, /INSERT INTO plces VALUES \(1\)/);
      assert.deepEqual(
        history.moments.map(({ change }) => change),
        [],
        'no instance came or went',
      );
      await add('failing-mended', {
        'V8__places.sql': 'CREATE TABLE places (id INT PRIMARY KEY);\n\nINSERT INTO places VALUES (1);\n',
      });
      await app.ready();
      assert.equal(history.of('community', 'ready').length, 2, 'the release goes through');
      assert.equal(history.of('login', 'gone').length, 0, 'migrations alone replace nobody');
      assert.deepEqual(await query(app, 'SELECT id FROM places'), [{ id: 1 }]);
      await assertUnharmedIn(app, load);
    } finally {
      await load.end();
    }
  });

  // Alone: an application that starts beside it takes the processors of those whose requests must not fail.
  it('applies each once when its pod is evicted in the middle', async () => {
    const load = await startLoad(await app.url(), crew(0, 50));
    try {
      await add('evicted', { 'V9__slow.sql': markBy('!') });
      const { metadata } = await migrator();
      assert.equal(await app.client.evict({ namespace: app.namespace, name: metadata.name }), 'evicted');
      await app.ready();
      assert.equal(await nameOfFirst(), 'Alice!');
      await assertUnharmedIn(app, load);
    } finally {
      await load.end();
    }
  });

  describe('side by side', { concurrency: true }, () => {
    describe('of an application that runs', { concurrency: 1 }, () => {
      it('applies each once when the migrator is killed in the middle', async () => {
        await add('killed', { 'V10__slow.sql': markBy('?') });
        await killIn(await migrator(), 'migrate');
        await app.ready();
        assert.equal(await nameOfFirst(), 'Alice!?');
        const jobs = await app.client.list<Job>(RESOURCE_TYPES.Job, { namespace: app.namespace });
        assert.ok(
          jobs.items.some(({ status }) => status?.failed === 1),
          'its first pod failed',
        );
      });

      it('takes them from an image too, and leaves a database that is ahead as it is', async () => {
        using history = await PodHistory.watch(app);
        await app.apply((spec) => {
          spec.migrations = { path: './migrations', image: 'localhost/community/migrations:1' };
          spec.services.community.env['RELEASE'] = { value: '3' };
        });
        await app.ready();
        assert.equal(history.of('community', 'ready').length, 2);
        const pod = await app.readyPod('community');
        assert.match(
          await outputOf(app, pod.metadata.name, 'wait-for-migrations'),
          /all 4 migrations are applied/,
        );
        assert.equal(await nameOfFirst(), 'Alice!?');
      });
    });

    it('tells whoever waits where one failed, and all goes on once it is mended', async () => {
      const good = '-- for the list\nCREATE INDEX members_name ON members (name);\n';
      await using app = await Community.in(holdfast, 'migrations-first', {
        ...base,
        'V7__index.sql': `${good}CREATE INDEX members_by ON members (nmae);\n`,
      });
      await app.apply();
      const message = await app.told('Stalled', 'MigrationFailed');
      assert.match(message, /V7__index\.sql:3: .*nmae/);
      assert.match(message, /CREATE INDEX members_by ON members \(nmae\)/);
      const waiting = (await app.pods()).filter(
        ({ metadata }) => metadata.labels?.['holdfast.dev/service'] !== undefined,
      );
      assert.equal(waiting.length, 4);
      assert.ok(waiting.every((pod) => !isReady(pod)));
      await app.until('every init container says why it waits', 60_000, async () => {
        const said = await Promise.all(
          waiting.map(({ metadata }) => outputOf(app, metadata.name, 'wait-for-migrations')),
        );
        return said.every((text) => /V7__index\.sql:3/.test(text));
      });
      await app.migrateBy('mended', {
        ...base,
        'V7__index.sql': `${good}CREATE INDEX members_by ON members (email, name);\n`,
      });
      await app.apply();
      await app.ready();
      const indexes = await query(
        app,
        "SHOW INDEX FROM members WHERE Key_name LIKE 'members\\_%' AND Seq_in_index = 1",
      );
      assert.deepEqual(
        indexes.map((row) => String(row['Key_name'])).toSorted((a, b) => a.localeCompare(b)),
        ['members_by', 'members_email', 'members_name'],
      );
    });
  });

  it('applies each once when the node of the migrator is switched off in the middle', async () => {
    const database = await app.readyPod('database');
    const home = database.spec.nodeName ?? '';
    await holdfast.cluster.kubectl(['cordon', home]);
    const { cluster } = holdfast;
    try {
      await add('node-off', { 'V11__slow.sql': markBy('.') });
      const pod = await migrator();
      const node = Number((pod.spec.nodeName ?? '').replace('node', ''));
      assert.notEqual(`node${node}`, home);
      await cluster.killNode(node);
      await cluster.kubectl(['uncordon', home]);
      try {
        await app.ready();
        assert.equal(await nameOfFirst(), 'Alice!?.');
      } finally {
        await cluster.reviveNode(node);
      }
    } finally {
      await cluster.kubectl(['uncordon', home]);
    }
  });

  it('applies a contract when the last instance of the version before has ended, and fails no request', async (t) => {
    const { community } = await buildImages();
    const code = await codeOfBoth();
    const path = `app/examples/community/${CHANGED_CODE}`;
    await loadWithFile(holdfast.cluster, community, 'before', { path, text: code.before });
    const after = await exampleMigrations();
    const before = Object.fromEntries(
      Object.entries(after).filter(([file]) => !RELEASE_FILES.some((name) => name === file)),
    );
    const members = { [`${BETWEEN}__more.sql`]: membersSql(40) };
    await using app = await Community.in(holdfast, 'migrations-contract', { ...before, ...members });
    await app.apply((spec) => {
      twoOfEach(spec);
      spec.services.community.image = 'localhost/community/community:before';
    });
    await app.ready();
    const url = await app.url();
    await logInsWork(url);
    const sessions = await logIn(url, crew(0, 40), PASSWORD);
    const users = new SessionLoad({ url, sessions: sessions.slice(20), think: 1_000 });
    const payers = new PaymentLoad({ url, sessions: sessions.slice(0, 20), think: 1_000 });
    const oldPods = await namesOf(app, 'community');
    let lastSeen = 0;
    try {
      await app.migrateBy('renamed', { ...after, ...members });
      await app.apply(({ services }) => (services.community.image = 'localhost/community/community:1'));
      const told = new Set<string | undefined>();
      await app.until('the contract is applied', READY_WITHIN, async () => {
        // They were there after the question: the answer may have taken any time.
        const asked = Date.now();
        const now = await namesOf(app, 'community');
        if (now.some((name) => oldPods.includes(name))) lastSeen = asked;
        const { status, reason } = (await app.condition('SchemaContracted')) ?? {};
        told.add(reason);
        return status === 'True';
      });
      assert.ok(told.has('Pending'), 'it was told that the contract waits');
      await app.ready();
      await app.apply((spec) => {
        spec.migrations = { path: './migrations', configMap: 'migrations-v1' };
        spec.services.community.image = 'localhost/community/community:before';
      });
      const closed = await app.told('Stalled', 'MigrationFailed');
      assert.match(closed, /V5__no_memo\.sql is applied and not among the migrations/);
      await everybodyAnswers(users);
    } finally {
      await Promise.all([users.end(), payers.end()]);
    }
    assert.deepEqual(payers.failed, []);
    await assertUnharmedIn(app, users);
    const words = await query(app, "SELECT purpose FROM transfers WHERE purpose LIKE 'payment %'");
    assert.deepEqual(words.map(({ purpose }) => String(purpose)).toSorted(), payers.paid.toSorted());
    const [contract] = await query(
      app,
      "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', started_at) / 1000 AS begun FROM holdfast_migration WHERE version = '5' AND statement = 1",
    );
    const ahead = Number(contract?.['begun']) - lastSeen;
    assert.ok(lastSeen > 0 && ahead >= 0, `the contract began ${-ahead} ms before the last old pod was gone`);
    t.diagnostic(
      `${payers.paid.length} payments, ${users.answered} other answers, contract ${ahead} ms after`,
    );
  });
});

async function namesOf(app: Community, service: string): Promise<string[]> {
  return (await app.pods(service)).map(({ metadata }) => metadata.name);
}
