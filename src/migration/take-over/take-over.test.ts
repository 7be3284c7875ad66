import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MigrationSet } from '../migration-set.ts';
import { parseMigrations } from '../source.ts';
import type { TakeOverSource } from './findings.ts';
import { flywayChecksum } from './flyway-checksum.ts';
import type { FlywayRow, ForeignHistory } from './foreign-history.ts';
import { baseline, takeOver, type TakeOver } from './take-over.ts';

const contents: Readonly<Record<string, string>> = {
  'V1__a.sql': 'CREATE TABLE a (x INT);',
  'V1.1__b.sql': 'CREATE TABLE b (x INT);',
  'V2__c.sql': 'CREATE TABLE c (x INT);',
  'R__v.sql': 'CREATE OR REPLACE VIEW v AS SELECT 1;',
};

function setOf(files: Readonly<Record<string, string>>): MigrationSet {
  return parseMigrations(
    'migrations',
    Object.entries(files).map(([file, sql]) => ({ file, content: Buffer.from(sql) })),
  );
}

function sourceOf(
  files: Readonly<Record<string, string>> = contents,
  journaled: string[] = [],
): TakeOverSource {
  const checksums = Object.entries(files).map(
    ([file, sql]) => [file, flywayChecksum(Buffer.from(sql))] as const,
  );
  return { set: setOf(files), journaled, checksums: new Map(checksums) };
}

/** Rows as Flyway writes them, of the version and file in each name, later changed by `change`. */
function history(...rows: (Partial<FlywayRow> & { script: string })[]): ForeignHistory {
  return {
    tool: 'flyway',
    table: 'flyway_schema_history',
    rows: rows.map((row, index) => ({
      rank: index + 1,
      version: /^V([\d._]+)__/.exec(row.script)?.[1],
      description: row.script,
      type: 'SQL',
      checksum: flywayChecksum(Buffer.from(contents[row.script] ?? '')),
      installedBy: 'flyway',
      installedAt: new Date(0),
      success: true,
      ...row,
    })),
  };
}

function versions(result: TakeOver): string[] {
  assert.ok(result.kind === 'taken', JSON.stringify(result));
  return result.files.map(({ file }) => file.version);
}

function problems(result: TakeOver): readonly string[] {
  assert.ok(result.kind === 'refused', JSON.stringify(result));
  return result.problems;
}

test('what Flyway has applied unchanged counts as applied, what is later is pending', () => {
  const rows = history({ script: 'V1__a.sql' }, { script: 'V1.1__b.sql' }, { script: 'R__v.sql' });
  const result = takeOver(rows, sourceOf());
  assert.deepEqual(versions(result), ['1', '1.1', 'R:v']);
  assert.ok(result.kind === 'taken' && result.files[0]?.by === 'flyway');
});

test('a changed file, a missing one, a hole and a failed row are problems', () => {
  assert.deepEqual(problems(takeOver(history({ script: 'V1__a.sql', checksum: 1 }), sourceOf())), [
    'V1__a.sql is not as Flyway has applied it (its checksum differs): put it back as it was',
  ]);
  const { 'V1__a.sql': first = '', 'V2__c.sql': last = '' } = contents;
  const hole = { 'V1__a.sql': first, 'V2__c.sql': last };
  assert.deepEqual(
    problems(takeOver(history({ script: 'V1__a.sql' }, { script: 'V1.1__b.sql' }), sourceOf(hole))),
    ['Flyway has version 1.1, but migrations has no file of it: put it back'],
  );
  assert.deepEqual(
    problems(takeOver(history({ script: 'V1__a.sql' }, { script: 'V2__c.sql' }), sourceOf())),
    ['V1.1__b.sql has not been applied by Flyway, but the later version 2 has: give it a higher version'],
  );
  assert.match(
    problems(takeOver(history({ script: 'V1__a.sql' }, { script: 'V3__z.sql' }), sourceOf())).join(),
    /Flyway has version 3, later than every file/,
  );
  assert.match(
    problems(takeOver(history({ script: 'V1__a.sql', success: false }), sourceOf())).join(),
    /Flyway has failed at V1__a\.sql: .*flyway repair/,
  );
});

test("Flyway's baseline covers the files up to it", () => {
  const row = { script: '<< Flyway Baseline >>', type: 'BASELINE', version: '1.1', checksum: undefined };
  assert.deepEqual(versions(takeOver(history({ ...row, checksum: undefined }), sourceOf())), ['1', '1.1']);
  assert.deepEqual(versions(takeOver(history(row, { script: 'V2__c.sql' }), sourceOf())), ['1', '1.1', '2']);
});

test('rows that Flyway has taken back do not count, and those of other kinds need no file', () => {
  const undone = history(
    { script: '<< Flyway Schema Creation >>', type: 'SCHEMA', version: undefined },
    { script: 'V1__a.sql' },
    { script: 'V1.1__b.sql' },
    { script: 'U1.1__b.sql', type: 'UNDO_SQL', version: '1.1' },
    { script: 'V1.5__gone.sql' },
    { script: 'V1.5__gone.sql', type: 'DELETE' },
  );
  assert.deepEqual(versions(takeOver(undone, sourceOf())), ['1']);
  const java = history(
    { script: 'V1__a.sql' },
    { script: 'db.migration.V1_0_5__Java', type: 'JDBC', version: '1.0.5' },
  );
  const result = takeOver(java, sourceOf());
  assert.deepEqual(versions(result), ['1']);
  assert.ok(result.kind === 'taken' && /as JDBC: no file is needed/.test(result.notes.join()));
});

test('a repeatable file that has changed since is left to be run', () => {
  const rows = history(
    { script: 'V1__a.sql' },
    { script: 'R__v.sql' },
    { script: 'sub/R__v.sql', checksum: 5 },
  );
  assert.deepEqual(versions(takeOver(rows, sourceOf())), ['1']);
});

const golang = { '0001_a.up.sql': 'SELECT 1;', '0001_a.down.sql': '', '0002_b.up.sql': 'SELECT 2;' };

test('golang-migrate tells the last version only, and a dirty one is refused', () => {
  const at = (version: string | undefined, dirty = false): TakeOver =>
    takeOver({ tool: 'golang-migrate', table: 'schema_migrations', version, dirty }, sourceOf(golang));
  assert.deepEqual(versions(at('1')), ['1']);
  assert.deepEqual(versions(at('2')), ['1', '2']);
  assert.deepEqual(versions(at(undefined)), []);
  assert.match(problems(at('2', true)).join(), /version 2 is dirty/);
  assert.match(problems(at('3')).join(), /later than every file/);
});

test('dbmate tells every version', () => {
  const up = '-- migrate:up\nSELECT 1;\n-- migrate:down\n';
  const files = sourceOf({ '01_a.sql': up, '2_b.sql': up, '3_c.sql': up });
  const of = (...list: string[]): TakeOver =>
    takeOver({ tool: 'dbmate', table: 'schema_migrations', versions: list }, files);
  assert.deepEqual(versions(of('2', '01')), ['1', '2']);
  assert.match(problems(of('1', '3')).join(), /2_b\.sql has not been applied by dbmate/);
  assert.match(problems(of('x')).join(), /"x" in schema_migrations is no version/);
});

test('a baseline takes the versioned files up to its version, and needs a reason', () => {
  const of = (version: string, reason = 'restored from the dump of May'): TakeOver =>
    baseline(sourceOf(), { version, reason });
  const result = of('1_1');
  assert.deepEqual(versions(result), ['1', '1.1']);
  assert.ok(result.kind === 'taken' && result.reason === 'baseline 1.1: restored from the dump of May');
  assert.match(problems(of('1.5')).join(), /no file of version 1\.5/);
  assert.match(problems(of('last')).join(), /is no version/);
  assert.match(problems(of('1', ' ')).join(), /needs a reason/);
});

test('a database that Holdfast migrates already is not taken over', () => {
  const source = sourceOf(contents, ['1']);
  assert.match(problems(takeOver(history({ script: 'V1__a.sql' }), source)).join(), /already/);
  assert.match(problems(baseline(source, { version: '1', reason: 'x' })).join(), /already/);
});
