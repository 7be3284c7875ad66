import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UserError } from '../app/failure.ts';
import { compareVersions } from './migration-set.ts';
import { parseMigrations } from './source.ts';

function source(
  file: string,
  content: string | Uint8Array = 'SELECT 1;',
): { file: string; content: Uint8Array } {
  return { file, content: typeof content === 'string' ? Buffer.from(content) : content };
}

function problems(...sources: { file: string; content: Uint8Array }[]): string[] {
  try {
    parseMigrations('migrations', sources);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

test('files are ordered by the numbers of their versions', () => {
  const names = [
    'V10__x.sql',
    'V2__x.sql',
    'V1.2__x.sql',
    'V1_10__x.sql',
    'V1__x.sql',
    'V20241122103000__x.sql',
  ];
  const set = parseMigrations(
    'm',
    names.map((name) => source(name)),
  );
  assert.deepEqual(
    set.files.map(({ version }) => version),
    ['1', '1.2', '1.10', '2', '10', '20241122103000'],
  );
});

test('the order of versions is total', () => {
  const version = fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
  );
});

test('byte order mark and line ends change neither checksum nor statements', () => {
  const plain = parseMigrations('m', [source('V1__x.sql', "SELECT 'ä'\n;\n")]);
  const other = parseMigrations('m', [source('V1__x.sql', "\uFEFFSELECT 'ä'\r\n;\r\n")]);
  assert.deepEqual(other, plain);
  assert.notEqual(parseMigrations('m', [source('V1__x.sql', "SELECT 'a'\n;\n")]).id, plain.id);
});

test('all problems are told at once, each with its file', () => {
  const latin1 = Buffer.from("SELECT 1;\nSELECT 'caf\u00e9';", 'latin1');
  assert.deepEqual(
    problems(
      source('V1__a.sql'),
      source('V01__b.sql'),
      source('v2_c.sql'),
      source('3.sql'),
      source('R__view.sql'),
      source('U1__undo.sql'),
      source('V4__empty.sql', '-- nothing\n'),
      source('V5__latin1.sql', latin1),
      source('V6__open.sql', "SELECT 1;\nSELECT 'x"),
      source('V7__commit.sql', 'INSERT INTO t VALUES (1);\nCOMMIT;'),
    ),
    [
      '3.sql: a migration is named V1__what_it_does.sql',
      'R__view.sql: repeatable migrations are not built yet',
      'U1__undo.sql: migrations are not undone: write a new one that changes things back',
      'V4__empty.sql: has no statement',
      'V5__latin1.sql:2: is not UTF-8: save it as UTF-8',
      'V6__open.sql:2: the quoted text that begins here has no end',
      'V7__commit.sql:2: each statement is committed together with its entry in the journal: leave transaction control out',
      'v2_c.sql: a migration is named V1__what_it_does.sql; did you mean V2__c.sql?',
      'V1__a.sql: has version 1, as V01__b.sql has: give it one of its own',
    ],
  );
});

test('a folder without files is a set without files', () => {
  assert.deepEqual(parseMigrations('m', []).files, []);
});
