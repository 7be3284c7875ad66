/**
 * Reads a folder of files `V1__name.sql`, `V1.2__other.sql` as a MigrationSet. Files that don't end in .sql and
 * folders are left alone; a .sql file that can't be applied is an error, as is all that is wrong with its
 * content. All problems are told at once.
 */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../app/failure.ts';
import { refusal } from './allowed-statement.ts';
import { compareVersions, type MigrationFile, type MigrationSet, type Statement } from './migration-set.ts';
import { splitStatements } from './statements.ts';

/** One file of the folder as it is on the disk. */
export interface SourceFile {
  readonly file: string;
  readonly content: Uint8Array;
}

const fileName = /^V(\d+(?:[._]\d+)*)__(.+)\.sql$/;
/** Lengths of the journal's columns, in characters. */
const longestVersion = 100;
const longestName = 200;

/** Reads and parses the folder. Throws `UserError` when there is none or something in it is wrong. */
export async function readMigrations(folder: string): Promise<MigrationSet> {
  const names = await sqlFiles(folder);
  const sources: SourceFile[] = [];
  for (const file of names) sources.push({ file, content: await readFile(join(folder, file)) });
  return parseMigrations(folder, sources);
}

async function sqlFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory() && /\.sql$/i.test(entry.name));
    return files.map((entry) => entry.name).filter((name) => !name.startsWith('.'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new UserError(`there is no folder ${folder} with migrations: make it, or name another`);
  }
}

/** Parses the files of a folder, whose name is for messages only. Throws `UserError` with all problems. */
export function parseMigrations(folder: string, sources: readonly SourceFile[]): MigrationSet {
  const problems: string[] = [];
  const files: MigrationFile[] = [];
  for (const source of sources.toSorted((a, b) => (a.file < b.file ? -1 : 1))) {
    const problem = nameProblem(source.file);
    if (problem === undefined) files.push(parseFile(source, problems));
    else problems.push(`${source.file}: ${problem}`);
  }
  files.sort((a, b) => compareVersions(a.version, b.version));
  for (const [index, file] of files.entries()) {
    const before = files[index - 1];
    if (before?.version !== file.version) continue;
    problems.push(`${file.file}: has version ${file.version}, as ${before.file} has: give it one of its own`);
  }
  if (problems.length > 0) {
    const places = problems.map((problem) => `  ${problem}`).join('\n');
    throw new UserError(`the migrations in ${folder} can't be applied:\n${places}`);
  }
  const list = files.map(({ version, checksum }) => `${version} ${checksum}\n`).join('');
  return { folder, files, id: sha256(list) };
}

function nameProblem(file: string): string | undefined {
  const match = fileName.exec(file);
  if (match) {
    const tooLong = (match[1] ?? '').length > longestVersion || (match[2] ?? '').length > longestName;
    return tooLong ? `the version or the name is too long (${longestVersion}, ${longestName})` : undefined;
  }
  if (file.startsWith('R__')) return 'repeatable migrations are not built yet';
  if (/^U\d/.test(file)) return 'migrations are not undone: write a new one that changes things back';
  const hint = suggestion(file);
  return `a migration is named V1__what_it_does.sql${hint === undefined ? '' : `; did you mean ${hint}?`}`;
}

function suggestion(file: string): string | undefined {
  const match = /^v?(\d+(?:[._]\d+)*)[-_. ]+(\D.*)\.sql$/i.exec(file);
  return match ? `V${match[1] ?? ''}__${(match[2] ?? '').replaceAll(' ', '_')}.sql` : undefined;
}

function parseFile({ file, content }: SourceFile, problems: string[]): MigrationFile {
  const [, version = '', name = ''] = fileName.exec(file) ?? [];
  const text = decode(content);
  if (text === undefined) problems.push(`${file}:${firstBadLine(content)}: is not UTF-8: save it as UTF-8`);
  const statements = text === undefined ? [] : parseStatements(file, text, problems);
  return { version: canonical(version), name, file, checksum: sha256(text ?? ''), statements };
}

function parseStatements(file: string, text: string, problems: string[]): Statement[] {
  const split = splitStatements(text);
  for (const { line, message } of split.problems) problems.push(`${file}:${line}: ${message}`);
  for (const { line, sql } of split.statements) {
    const refused = refusal(sql);
    if (refused !== undefined) problems.push(`${file}:${line}: ${refused}`);
  }
  if (split.statements.length === 0) problems.push(`${file}: has no statement`);
  return split.statements.map(({ sql, line }, index) => ({ index: index + 1, sql, line, hash: sha256(sql) }));
}

function canonical(version: string): string {
  const parts = version.split(/[._]/).map((part) => String(BigInt(part)));
  return parts.join('.').replace(/(?:\.0)+$/, '');
}

/** The text without byte order mark and with LF as line end; none when it is not UTF-8. */
function decode(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content).replaceAll('\r\n', '\n');
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A byte 10 is a line end in UTF-8 wherever it stands, so lines can be tried one by one. */
function firstBadLine(content: Uint8Array): number {
  let from = 0;
  for (let line = 1; ; line += 1) {
    const end = content.indexOf(10, from);
    if (end === -1 || decode(content.subarray(from, end)) === undefined) return line;
    from = end + 1;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
