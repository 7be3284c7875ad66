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
  const numbers = fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
  const version = fc.oneof(numbers, fc.constantFrom('R:a', 'R:b'));
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
      source('U1__undo.sql'),
      source('V4__empty.sql', '-- nothing\n'),
      source('V5__latin1.sql', latin1),
      source('V6__open.sql', "SELECT 1;\nSELECT 'x"),
      source('V7__commit.sql', 'INSERT INTO t VALUES (1);\nCOMMIT;'),
    ),
    [
      '3.sql: a migration is named V1__what_it_does.sql',
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

test('repeatable files come last, in the order of their names, and each of their statements may be repeated', () => {
  const set = parseMigrations('m', [
    source('R__b view.sql'),
    source('R__A.sql', 'SELECT 1;'),
    source('V10__x.sql'),
    source('V9__x.sql'),
  ]);
  assert.deepEqual(
    set.files.map(({ kind, version, name }) => [kind, version, name]),
    [
      ['versioned', '9', 'x'],
      ['versioned', '10', 'x'],
      ['repeatable', 'R:A', 'A'],
      ['repeatable', 'R:b view', 'b view'],
    ],
  );
  assert.deepEqual(
    set.files.map(({ statements }) => statements[0]?.repeatable),
    [false, false, true, true],
  );
});

test("golang-migrate's files are read as they are, and what undoes them is left alone", () => {
  const set = parseMigrations('m', [
    source('000010_b.up.sql'),
    source('000010_b.down.sql', 'not SQL; COMMIT'),
    source('000002_a_table.up.sql'),
    source('000002_a_table.down.sql', ''),
  ]);
  assert.equal(set.format, 'golang-migrate');
  assert.deepEqual(
    set.files.map(({ version, name, file }) => [version, name, file]),
    [
      ['2', 'a_table', '000002_a_table.up.sql'],
      ['10', 'b', '000010_b.up.sql'],
    ],
  );
  assert.deepEqual(set.notes, ['migrations are not undone: files left alone, *.down.sql: 2']);
});

test("of dbmate's files only the up block is applied, with the lines of the file", () => {
  const text = (down: string): string =>
    `-- a table\n\n-- migrate:up transaction:false\n\nSELECT 1;\n\n-- migrate:down\n${down}\n`;
  const set = parseMigrations('m', [source('20240131120000_a.sql', text('DROP TABLE a;'))]);
  assert.equal(set.format, 'dbmate');
  const [file] = set.files;
  assert.deepEqual([file?.version, file?.name], ['20240131120000', 'a']);
  assert.deepEqual(
    file?.statements.map(({ sql, line }) => [sql, line]),
    [['SELECT 1', 5]],
  );
  assert.match(set.notes.join(), /transaction:false changes nothing/);
  const other = parseMigrations('m', [source('20240131120000_a.sql', text('COMMIT'))]);
  assert.equal(other.id, set.id);
});

test('a folder keeps to one manner of names', () => {
  assert.deepEqual(
    problems(
      source('V1__a.sql'),
      source('0002_b.up.sql'),
      source('3_c.sql', '-- migrate:up\nSELECT 1;\n-- migrate:down\n'),
    ),
    [
      '0002_b.up.sql (golang-migrate), 3_c.sql (dbmate), V1__a.sql (flyway): files are named in more than one manner: keep to one in a folder',
    ],
  );
  assert.deepEqual(
    problems(
      source('1_a.sql', '-- migrate:up\nSELECT 1;\n-- migrate:down\n'),
      source('2_b.sql', '-- migrate:down\n'),
    ),
    ['2_b.sql: a migration is named 20240131120000_what_it_does.sql and has a line "-- migrate:up"'],
  );
});

test('two branches with the same number are told, whatever the manner of names', () => {
  const same = /has version 7, as .* has: give it one of its own/;
  const up = '-- migrate:up\nSELECT 1;\n-- migrate:down\n';
  assert.match(problems(source('V7__ours.sql'), source('V7__theirs.sql')).join(), same);
  assert.match(problems(source('V7__ours.sql'), source('V07_0__theirs.sql')).join(), same);
  assert.match(problems(source('07_ours.up.sql'), source('7_theirs.up.sql')).join(), same);
  assert.match(problems(source('7_ours.sql', up), source('7_theirs.sql', up)).join(), same);
});

test('files of Flyway that are no migrations are told with what to do', () => {
  assert.deepEqual(
    problems(source('B5__base.sql'), source('afterMigrate.sql'), source(`R__${'é'.repeat(201)}.sql`)),
    [
      'B5__base.sql: a baseline file of Flyway is not read: name it V…, and say from which version an existing database starts',
      `R__${'é'.repeat(201)}.sql: the name is too long (200)`,
      'afterMigrate.sql: a callback of Flyway is not run: move it out of the folder',
    ],
  );
});

test('UTF-16 is told, with and without a byte order mark', () => {
  const text = 'SELECT 1;';
  const withMark = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
  for (const content of [withMark, Buffer.from(text, 'utf16le')]) {
    assert.deepEqual(problems(source('V1__x.sql', content)), ['V1__x.sql:1: is not UTF-8: save it as UTF-8']);
  }
});

test('the marks of a file say its phase, and those of a statement what is allowed', () => {
  const { files } = parseMigrations('m', [
    source('V1__a.sql'),
    source(
      'V2__b.sql',
      '-- why\n-- holdfast: backfill members by id, 500 rows\nUPDATE members SET a = b WHERE id BETWEEN @chunk_first AND @chunk_last;',
    ),
    source(
      'V3__c.sql',
      '-- holdfast: contract\n-- holdfast: allow drops-column nobody has read it since 1.4\nALTER TABLE members DROP b;\n-- holdfast: repeatable\nANALYZE TABLE members;',
    ),
  ]);
  assert.deepEqual(
    files.map(({ phase, backfill }) => [phase, backfill]),
    [
      ['expand', undefined],
      ['backfill', { table: 'members', key: 'id', rows: 500 }],
      ['contract', undefined],
    ],
  );
  assert.deepEqual(
    files[2]?.statements.map(({ repeatable, allowances }) => [repeatable, allowances]),
    [
      [false, [{ rule: 'drops-column', reason: 'nobody has read it since 1.4' }]],
      [true, []],
    ],
  );
});

test('a mark that is not understood, or stands where it means nothing, is an error with its line', () => {
  assert.deepEqual(
    problems(
      source('V1__a.sql', '-- holdfast: contrct\nSELECT 1;'),
      source('V2__a.sql', 'SELECT 1;\n-- holdfast: contract\nSELECT 2;'),
      source('V3__a.sql', 'SELECT 1; -- holdfast: repeatable\nSELECT 2;'),
      source('V4__a.sql', 'SELECT\n-- holdfast: repeatable\n 2;\n-- holdfast: repeatable\n'),
      source('V5__a.sql', '-- holdfast: allow drops-column\n/* holdfast: repeatable */\nSELECT 1;'),
      source('V6__a.sql', '-- holdfast: contract\n-- holdfast: backfill t by id\nSELECT 1;'),
      source('V7__a.sql', '-- holdfast: backfill t\nSELECT 1;'),
      source('V8__a.sql', '-- holdfast: backfill t by id, 0 rows\nSELECT 1;'),
      source('V9__a.sql', "-- holdfast: backfill t by id\nUPDATE t SET a = '@chunk_first @chunk_last';"),
      source('R__a.sql', '-- holdfast: contract\nSELECT 1;'),
    ),
    [
      'R__a.sql: a repeatable migration belongs to no phase: leave the mark "contract" out',
      'V1__a.sql:1: there is no mark "contrct": write one of contract, backfill TABLE by KEY, repeatable, allow RULE REASON',
      'V2__a.sql:2: "contract" is for the whole file: write it above the first statement',
      'V3__a.sql:1: a mark for Holdfast stands on a line of its own, above its statement',
      'V4__a.sql:2: a mark for Holdfast stands above a statement, not inside one',
      'V4__a.sql:4: "repeatable" stands above a statement, but none follows',
      'V5__a.sql:1: the allowance of drops-column needs a reason behind it',
      'V5__a.sql:2: a mark for Holdfast is written -- holdfast: …',
      'V6__a.sql:2: a file has one phase: this is the second mark for it',
      'V7__a.sql:1: a backfill names its table and the unique key to walk along: -- holdfast: backfill members by id, 1000 rows',
      'V8__a.sql:1: a chunk has 1 to 100000 rows',
      'V9__a.sql:2: a statement of a backfill changes the rows of one chunk: UPDATE, INSERT, REPLACE or DELETE … WHERE key BETWEEN @chunk_first AND @chunk_last',
    ],
  );
});

test('what looks like a mark inside a string is none', () => {
  const [file] = parseMigrations('m', [source('V1__a.sql', "SELECT '\n-- holdfast: nothing\n';")]).files;
  assert.equal(file?.phase, 'expand');
});

test("marks may stand in a dbmate file's up block", () => {
  const text = '-- migrate:up\n-- holdfast: contract\nDROP TABLE a;\n-- migrate:down\n-- holdfast: x\n';
  assert.equal(parseMigrations('m', [source('1_a.sql', text)]).files[0]?.phase, 'contract');
});

test('a folder without files is a set without files', () => {
  assert.deepEqual(parseMigrations('m', []).files, []);
});
