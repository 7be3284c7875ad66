/** The phases of a release against a real server: what is applied when, and what instances wait for. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tmpdir } from 'node:os';
import { MigrationFailure, MigrationRefused } from '../../src/migration/migration-failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { waitForMigrations } from '../../src/migration/wait.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

const shadow = { temporary: tmpdir(), searchPath: process.env['PATH'] ?? '' };
const columns =
  "SELECT column_name FROM information_schema.columns WHERE table_name = 'a' ORDER BY ordinal_position";
const old = { 'V1__a.sql': 'CREATE TABLE a (id INT PRIMARY KEY, x INT);' };
const release = {
  ...old,
  'V2__y.sql': 'ALTER TABLE a ADD COLUMN y INT;',
  'V3__no_x.sql': '-- holdfast: contract\nALTER TABLE a DROP COLUMN x;',
};

test('expand leaves the contract, for which no instance waits, and contract applies the rest', () =>
  withDatabase(server, async ({ run, rows, url, serviceUrl }) => {
    await run(setOf(old));
    const set = setOf({ ...release, 'R__view.sql': 'CREATE OR REPLACE VIEW v AS SELECT id, y FROM a;' });
    const notes: string[] = [];
    const progress = (event: MigrationProgress): void =>
      void (event.kind === 'note' && notes.push(event.text));
    const expand = await run(set, { phase: 'expand', shadow, progress });
    assert.deepEqual(
      expand.applied.map(({ file }) => file),
      ['V2__y.sql', 'R__view.sql'],
    );
    assert.deepEqual([expand.before, expand.later], [1, ['V3__no_x.sql']]);
    assert.deepEqual(await rows(columns), [['id'], ['x'], ['y']]);
    const signal = AbortSignal.timeout(20_000);
    const waiting = (missing: string): void => assert.fail(`waits: ${missing}`);
    await waitForMigrations({ url: serviceUrl, set, timeoutMs: 10_000, signal, waiting });
    const { state, files } = await migrationStatus({ url, set });
    assert.equal(state, 'pending');
    assert.deepEqual(
      files.filter((file) => file.state !== 'applied').map(({ file, phase }) => [file, phase]),
      [['V3__no_x.sql', 'contract']],
    );
    const again = await run(set, { phase: 'expand', shadow, progress });
    assert.deepEqual([again.applied, again.later], [[], ['V3__no_x.sql']]);
    const contract = await run(set, { phase: 'contract', shadow, progress });
    assert.deepEqual([contract.applied.length, contract.later], [1, []]);
    assert.deepEqual(await rows(columns), [['id'], ['y']]);
    assert.deepEqual(notes, [], 'the shadow has foreseen each phase');
  }));

test('without a phase everything is applied in order, and what that means is told', () =>
  withDatabase(server, async ({ run, rows }) => {
    const notes: string[] = [];
    const progress = (event: MigrationProgress): void =>
      void (event.kind === 'note' && notes.push(event.text));
    await run(setOf(release), { progress });
    assert.deepEqual(await rows(columns), [['id'], ['y']]);
    assert.deepEqual(notes, [], 'on an empty database there is no version before');
    const next = setOf({ ...release, 'V4__no_y.sql': '-- holdfast: contract\nALTER TABLE a DROP COLUMN y;' });
    await run(next, { progress });
    assert.match(notes.join(), /^V4__no_y\.sql: .*no way back/);
  }));

test('a version from before an applied contract is refused, by who runs it and by who waits', () =>
  withDatabase(server, async ({ run, serviceUrl }) => {
    const before = setOf(old);
    const wait = (): Promise<void> =>
      waitForMigrations({
        url: serviceUrl,
        set: before,
        timeoutMs: 10_000,
        signal: AbortSignal.timeout(20_000),
        waiting: (missing) => assert.fail(`waits: ${missing}`),
      });
    const isClosed = (error: unknown): boolean =>
      error instanceof MigrationRefused && /V3__no_x\.sql is applied and not among/.test(error.message);
    await run(before);
    await run(setOf(release), { phase: 'expand' });
    await wait();
    await run(before, { phase: 'expand' });
    await run(setOf(release), { phase: 'contract' });
    await assert.rejects(wait(), isClosed);
    await assert.rejects(run(before, { phase: 'expand' }), isClosed);
  }));

test('a file behind a pending contract is refused, and nothing of the set is applied', () =>
  withDatabase(server, async ({ run, rows }) => {
    await run(setOf(old));
    const set = setOf({ ...release, 'V4__z.sql': 'ALTER TABLE a ADD COLUMN z INT;' });
    await assert.rejects(run(set, { phase: 'expand' }), (error: unknown) => {
      assert.ok(error instanceof MigrationRefused);
      assert.match(error.message, /V4__z\.sql comes after the contract V3__no_x\.sql/);
      return true;
    });
    assert.deepEqual(await rows(columns), [['id'], ['x']]);
    await run(setOf(release), { phase: 'expand' });
    await run(setOf(release), { phase: 'contract' });
    await run(set, { phase: 'expand' });
    assert.deepEqual(await rows(columns), [['id'], ['y'], ['z']]);
  }));

test('a contract that failed keeps neither instances nor the next expand waiting', () =>
  withDatabase(server, async ({ run, rows, serviceUrl }) => {
    await run(setOf(old));
    const spoilt = { ...release, 'V3__no_x.sql': '-- holdfast: contract\nALTER TABLE a DROP COLUMN z;' };
    await run(setOf(spoilt), { phase: 'expand' });
    await assert.rejects(run(setOf(spoilt), { phase: 'contract' }), MigrationFailure);
    const signal = AbortSignal.timeout(20_000);
    const waiting = (missing: string): void => assert.fail(`waits: ${missing}`);
    await waitForMigrations({ url: serviceUrl, set: setOf(spoilt), timeoutMs: 10_000, signal, waiting });
    const { later } = await run(setOf(release), { phase: 'expand' });
    assert.deepEqual(later, ['V3__no_x.sql']);
    await run(setOf(release), { phase: 'contract' });
    assert.deepEqual(await rows(columns), [['id'], ['y']]);
  }));
