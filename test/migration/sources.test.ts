/**
 * Files of migrations against a real server: the splitter beside the `mariadb` client on hard files and on
 * generated ones, and files of the sizes and shapes that go wrong.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { readMigrations } from '../../src/migration/source.ts';
import { splitStatements } from '../../src/migration/statements.ts';
import { decodeText } from '../../src/migration/text.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let admin: Connection;
before(async () => {
  server = await startMariadb(testAccounts, ['--general-log=ON', '--log-output=TABLE']);
  admin = await createConnection(connectionOptions(server.url()));
});
after(async () => {
  await admin.end();
  await server.close();
});

const folder = new URL('hard-files/', import.meta.url);
const clientTimeoutMs = 60_000;

/** What the server was sent when the client read `content`, statement by statement. */
async function sentByClient(content: Uint8Array | string, options: readonly string[]): Promise<string[]> {
  await admin.query('TRUNCATE mysql.general_log');
  await runClient('mariadb', ['--batch', '--force', ...options, testAccounts.database], content);
  const [rows] = await admin.query<RowDataPacket[]>(
    `SELECT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log
      WHERE thread_id <> CONNECTION_ID() AND command_type = 'Query'`,
  );
  return rows.map((row) => String(row['text']).trim());
}

/** Runs a program of the server's package. Statements that fail are no failure: how they are cut counts. */
async function runClient(
  program: string,
  args: readonly string[],
  input: Uint8Array | string = '',
): Promise<string> {
  const { user, password } = testAccounts.admin;
  const login = ['--no-defaults', '--host=127.0.0.1', `--port=${server.port}`, `--user=${user}`];
  const child = spawn(program, [...login, ...args], {
    env: { ...process.env, MYSQL_PWD: password },
    stdio: ['pipe', 'pipe', 'ignore'],
    signal: AbortSignal.timeout(clientTimeoutMs),
  });
  child.stdin.end(input);
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
  return output;
}

function splitByUs(content: Uint8Array): string[] {
  const { statements, problems } = splitStatements(decodeText(content) ?? '');
  assert.deepEqual(problems, []);
  return statements.map(({ sql }) => sql);
}

/** Comments and white space that stand before a statement. */
const leadingComments = /^(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*(?!M?!)[^]*?\*\/)+/;
/** Strings, which are kept, and comments, which are not. */
const stringOrComment =
  /('(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"|`[^`]*`)|\/\*(?!M?!)[^]*?\*\/|(?:#|--(?=\s|$))[^\n]*/g;

/** A dump begins with it; the client keeps the command \- for itself. */
const sandboxCommand = /(\/\*M!\d+)\\-/g;

function withoutComments(sql: string): string {
  return sql
    .replaceAll(sandboxCommand, '$1')
    .replaceAll(stringOrComment, (_, text: string | undefined) => text ?? '')
    .replaceAll(/\s+/g, '')
    .replace(/;+$/, '');
}

/** With its option --comments the client sends them on, and overlooks a DELIMITER that follows one. */
const commentBeforeDelimiter = /(?:^\s*(?:--|#)[^\n]*|\*\/[ \t]*)\n\s*DELIMITER/im;
/** What is stripped here is found as in a usual sql_mode. */
const unusualMode = /ANSI_QUOTES|ORACLE|NO_BACKSLASH_ESCAPES/;

/** The client puts a space behind a comment, and the server takes delimiters off the end. */
function asLogged(sql: string): string {
  return sql
    .replaceAll(sandboxCommand, '$1')
    .replaceAll(/\*\/\s*/g, '*/')
    .replace(/[;\s]+$/, '');
}

/** Both split `content` in the same way. */
async function compare(content: Uint8Array): Promise<void> {
  const ours = splitByUs(content);
  const text = Buffer.from(content).toString();
  const keepsComments = !commentBeforeDelimiter.test(text);
  const dropsComments = !unusualMode.test(text);
  assert.ok(keepsComments || dropsComments);
  if (keepsComments) {
    const sent = await sentByClient(content, ['--comments']);
    const theirs = sent.map((sql) => sql.replace(leadingComments, '')).filter((sql) => sql !== '');
    assert.deepEqual(ours.map(asLogged), theirs.map(asLogged));
  }
  if (dropsComments) {
    const stripped = await sentByClient(content, ['--skip-comments']);
    assert.deepEqual(ours.map(withoutComments), stripped.map(withoutComments));
  }
}

for (const file of readdirSync(folder)) {
  test(`the client and the splitter cut ${file} into the same statements`, async () => {
    const content = readFileSync(new URL(file, folder));
    assert.ok(splitByUs(content).length >= 3);
    await compare(content);
  });
}

test('the client and the splitter cut a dump into the same statements', async () => {
  const routines = readFileSync(new URL('routines.sql', folder));
  await runClient('mariadb', ['--force', testAccounts.database], routines);
  await admin.query("INSERT INTO hard (end, note) VALUES (2, 'a;b\\\\'), (3, '\\'--;'), (4, 'ü\\n;')");
  const dump = await runClient('mariadb-dump', [
    '--routines',
    '--events',
    '--triggers',
    testAccounts.database,
  ]);
  assert.match(dump, /CREATE DEFINER[^\n]* PROCEDURE/);
  assert.ok(splitByUs(Buffer.from(dump)).length > 30);
  await compare(Buffer.from(dump));
});

const plain = fc.string({
  unit: fc.constantFrom('a', ' ', ';', '-', '/', '#', '"', "'", '`', '\n', 'ä', '*', '$', '\\'),
  maxLength: 6,
});
const words = fc.constantFrom('SELECT', 'x', '1', ',', '(', ')', '+', '-', '*', '.', '@a', 'BEGINS', '\n');
const pieces = fc.oneof(
  words,
  plain.map((text) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`),
  plain.map((text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`),
  plain.map((text) => `\`${text.replaceAll('`', '``')}\``),
  plain.map((text) => `/* ${text.replaceAll('*', '')} */`),
  plain.map((text) => `-- ${text.replaceAll('\n', '')}\n`),
  plain.map((text) => `#${text.replaceAll('\n', '')}\n`),
  plain.map((text) => `/*!40101 ${text.replaceAll(/[^a ]/g, '')} */`),
);
const statement = fc.array(pieces, { maxLength: 8 }).map((parts) => `SELECT ${parts.join(' ')} x`);
const section = fc
  .tuple(fc.constantFrom(';', '//', '$$', ';;', '|'), fc.array(statement, { minLength: 1, maxLength: 12 }))
  .map(
    ([delimiter, list]) => `DELIMITER ${delimiter}\n${list.map((sql) => `${sql}\n${delimiter}\n`).join('')}`,
  );

test('the client and the splitter cut any mixture of strings, names, comments and delimiters alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(section, { minLength: 1, maxLength: 8 }), async (sections) => {
      await compare(Buffer.from(sections.join('')));
    }),
    { numRuns: 25 },
  );
});

/** Reads a folder with a heap that is too small for more than a few copies of the data. */
const reader = `import { readMigrations } from ${JSON.stringify(new URL('../../src/migration/source.ts', import.meta.url).href)};
const { files } = await readMigrations(process.argv.at(-1));
console.log(JSON.stringify(files.map(({ statements }) => [statements.length, statements.at(-1).line])));`;
const heapMegabytes = 200;
const dataBytes = 50_000_000;

test('a file of 50 MB is read without many copies of it in memory', async () => {
  const migrations = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  try {
    const row = "(1, 'Anna O\\'Hara; and -- others', NULL, 12.5, '2026-01-01 10:00:00')";
    const statement = `INSERT INTO member VALUES ${Array.from({ length: 10_000 }, () => row).join(',\n')};\n`;
    const count = Math.ceil(dataBytes / statement.length);
    await writeFile(join(migrations, 'V1__data.sql'), statement.repeat(count));
    const args = [
      `--max-old-space-size=${heapMegabytes}`,
      '--input-type=module',
      '--eval',
      reader,
      migrations,
    ];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: AbortSignal.timeout(clientTimeoutMs),
    });
    let output = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
    assert.deepEqual(JSON.parse(output), [[count, (count - 1) * 10_000 + 1]]);
  } finally {
    await rm(migrations, { recursive: true });
  }
});

test('files in folders below, hidden ones and what is no SQL are left alone, the first being told', async () => {
  const migrations = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  try {
    for (const below of ['later', '.hidden', 'pictures']) await mkdir(join(migrations, below));
    const files = [
      'V1__a.sql',
      '.V2__b.sql',
      'README.md',
      'later/V3__c.sql',
      '.hidden/V4__d.sql',
      'pictures/x.png',
    ];
    for (const file of files) await writeFile(join(migrations, file), 'SELECT 1;');
    const set = await readMigrations(migrations);
    assert.deepEqual(
      set.files.map(({ file }) => file),
      ['V1__a.sql'],
    );
    assert.deepEqual(set.notes, [
      `${join(migrations, 'later')}: files in folders below are not read: move those that are migrations up`,
    ]);
  } finally {
    await rm(migrations, { recursive: true });
  }
});
