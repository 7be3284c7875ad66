/** `migrate lint` from files to findings: with a live database, with files alone, and what files allow. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { lintMigrations, type LintReport } from '../../src/migration/lint/lint-migrations.ts';
import { parseRecording } from '../../src/migration/lint/recording.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { lintFolder } from './lint-folder.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
let temporary: string;
const signal = new AbortController().signal;
const searchPath = process.env['PATH'] ?? '';
before(async () => {
  server = await startMariadb();
  temporary = await lintFolder();
});
after(async () => {
  await server.close();
  await rm(temporary, { recursive: true, force: true });
});

const members =
  "CREATE TABLE members (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100) NOT NULL, phone VARCHAR(30) NOT NULL DEFAULT '');";
const recording = parseRecording(
  'recording.jsonl',
  `{"name": "by name", "statement": "SELECT id, phone FROM members WHERE name = ?", "parameters": [{"type": "varchar", "value": "zoe"}]}
{"name": "register", "statement": "INSERT INTO members (name) VALUES (?)", "parameters": [{"type": "varchar", "value": "Yu"}]}
{"rows": "members", "columns": ["name", "phone"], "values": [["Zoe", "1"], ["Max", "2"]]}`,
);

type Files = Readonly<Record<string, string>>;

function lintFiles(files: Files, from = '1'): Promise<LintReport> {
  return lintMigrations({ set: setOf(files), shadow: { temporary, searchPath }, recording, from, signal });
}

const short = ({ findings }: LintReport): string[] =>
  findings.map(({ file, line, severity, rule, uses }) =>
    [`${file}:${line}`, severity, rule, ...uses.map(({ statement }) => statement)].join(' '),
  );

test('with files alone it finds what the statements after a version break, and who uses it', async () => {
  const report = await lintFiles({
    'V1__members.sql': members,
    'V2__shorten.sql': `ALTER TABLE members ADD COLUMN city VARCHAR(50) NULL;

ALTER TABLE members MODIFY name VARCHAR(90) NOT NULL;
ALTER TABLE members DROP COLUMN phone;`,
  });
  assert.deepEqual(short(report), [
    'V2__shorten.sql:3 warning copies-table',
    'V2__shorten.sql:3 error refuses-values register',
    'V2__shorten.sql:4 error breaks-statement by name',
  ]);
  assert.equal(report.statements, 3);
  assert.deepEqual(report.unchecked, []);
});

test('what a file allows with a reason is a warning that says it', async () => {
  const report = await lintFiles({
    'V1__members.sql': members,
    'V2__drop.sql': `-- holdfast: allow breaks-statement the search is switched off today
ALTER TABLE members DROP COLUMN phone;`,
  });
  assert.deepEqual(short(report), ['V2__drop.sql:2 warning breaks-statement by name']);
  assert.equal(report.findings[0]?.allowed, 'the search is switched off today');
});

test('a contract file breaks nobody who is left', async () => {
  const report = await lintFiles({
    'V1__members.sql': members,
    'V2__drop.sql': '-- holdfast: contract\nALTER TABLE members DROP COLUMN phone;',
  });
  assert.deepEqual(short(report), ['V2__drop.sql:2 warning breaks-statement by name']);
});

test('a backfill is run over all rows, and found when it changes what the running version reads', async () => {
  const report = await lintFiles({
    'V1__members.sql': members,
    'V2__fill.sql': `-- holdfast: backfill members by id
UPDATE members SET phone = CONCAT('+', phone) WHERE id BETWEEN @chunk_first AND @chunk_last;`,
  });
  assert.deepEqual(short(report), ['V2__fill.sql:2 error changes-result by name']);
});

test('an allowance of a rule that does not exist is an error that names the rules', async () => {
  await assert.rejects(
    lintFiles({ 'V1__members.sql': `-- holdfast: allow copys-table it is small\n${members}` }),
    /V1__members\.sql:2: there is no rule copys-table[^]*copies-table/,
  );
});

test('a statement that fails ends the lint, and what comes after it is said to be unchecked', async () => {
  const report = await lintFiles({
    'V1__members.sql': members,
    'V2__wrong.sql': 'ALTER TABLE member ADD COLUMN city INT;\nALTER TABLE members DROP COLUMN phone;',
  });
  assert.deepEqual(short(report), ['V2__wrong.sql:1 error fails']);
  assert.deepEqual(report.unchecked, ['what comes after the statement that fails']);
});

test('a recording without a word on what is applied is an error', async () => {
  const set = setOf({ 'V1__members.sql': members });
  await assert.rejects(
    lintMigrations({ set, shadow: { temporary, searchPath }, recording, signal }),
    /DATABASE_URL, or the last applied version with --from/,
  );
});

test('a live database says what is pending and how large its tables are, and is only read', () =>
  withDatabase(server, async ({ url, run, admin, rows }) => {
    await run(setOf({ 'V1__members.sql': members }));
    await admin.query(
      "INSERT INTO members (name, phone) SELECT REPEAT('x', 100), REPEAT('1', 30) FROM seq_1_to_200000",
    );
    await admin.query('ANALYZE TABLE members');
    const set = setOf({
      'V1__members.sql': members,
      'V2__phone.sql': 'ALTER TABLE members MODIFY phone BIGINT NULL;',
    });
    const before = await rows('SHOW CREATE TABLE members');
    const report = await lintMigrations({ set, url, recording, shadow: { temporary, searchPath }, signal });
    assert.deepEqual(short(report), [
      'V2__phone.sql:1 error copies-table',
      'V2__phone.sql:1 error changes-result by name',
      'V2__phone.sql:1 error changes-effect register',
    ]);
    assert.match(
      report.findings[0]?.message ?? '',
      /members has about \d{6} rows; roughly \d+ s, \d\d MB of disk/,
    );
    assert.deepEqual(await rows('SHOW CREATE TABLE members'), before);
  }));

test('a live schema that the files do not lead to is copied, and that is said', () =>
  withDatabase(server, async ({ url, run, admin }) => {
    await run(setOf({ 'V1__members.sql': members }));
    await admin.query('ALTER TABLE members ADD COLUMN by_hand INT');
    const set = setOf({
      'V1__members.sql': members,
      'V2__drop.sql': 'ALTER TABLE members DROP COLUMN by_hand, DROP COLUMN phone;',
    });
    const report = await lintMigrations({ set, url, recording, shadow: { temporary, searchPath }, signal });
    assert.deepEqual(short(report), ['V2__drop.sql:1 error breaks-statement by name']);
    assert.match(report.unchecked.join(), /do not lead to the live schema: it was copied without rows/);
  }));

test('without a recording it says what could not be checked', async () => {
  const set = setOf({ 'V1__members.sql': members });
  const report = await lintMigrations({ set, shadow: { temporary, searchPath }, signal });
  assert.deepEqual(report.findings, []);
  assert.match(report.unchecked.join(), /there is no recording/);
});
