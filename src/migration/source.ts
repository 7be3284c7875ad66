/**
 * Reads a folder of migrations, named as Flyway, golang-migrate or dbmate have it, as a MigrationSet. Files
 * that don't end in .sql, folders and what undoes a migration are left alone; any other .sql file that can't
 * be applied is an error, as is all that is wrong with its content. All problems are told at once.
 */

import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../app/failure.ts';
import { refusal } from './allowed-statement.ts';
import { hasUpMark, readUpBlock } from './dbmate-file.ts';
import { readFileName, type FileName } from './file-names.ts';
import { readMarks } from './marks.ts';
import {
  compareVersions,
  type MigrationFile,
  type MigrationFormat,
  type MigrationSet,
  type Statement,
} from './migration-set.ts';
import { splitStatements } from './statements.ts';
import { decodeText, firstBadLine } from './text.ts';

/** One file of the folder as it is on the disk. */
export interface SourceFile {
  readonly file: string;
  readonly content: Uint8Array;
}

/** Reads and parses the folder. Throws `UserError` when there is none or something in it is wrong. */
export async function readMigrations(folder: string): Promise<MigrationSet> {
  const entries = await visibleEntries(folder);
  const sources: SourceFile[] = [];
  const notes: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) {
      if (isSql(entry.name)) sources.push({ file: entry.name, content: await readFile(path) });
    } else if ((await readdir(path)).some(isSql)) {
      notes.push(`${path}: files in folders below are not read: move those that are migrations up`);
    }
  }
  const set = parseMigrations(folder, sources);
  return { ...set, notes: [...set.notes, ...notes] };
}

function isSql(name: string): boolean {
  return /\.sql$/i.test(name);
}

async function visibleEntries(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter(({ name }) => !name.startsWith('.'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new UserError(`there is no folder ${folder} with migrations: make it, or name another`);
  }
}

/** What is to be said of a folder. */
interface Findings {
  readonly problems: string[];
  readonly notes: string[];
}

interface ReadFile {
  readonly file: string;
  readonly content: Uint8Array;
  /** None when it is not UTF-8. */
  readonly text: string | undefined;
  readonly name: FileName;
}

/** Parses the files of a folder, whose name is for messages only. Throws `UserError` with all problems. */
export function parseMigrations(folder: string, sources: readonly SourceFile[]): MigrationSet {
  const findings: Findings = { problems: [], notes: [] };
  const read = sources.toSorted((a, b) => (a.file < b.file ? -1 : 1)).map(readSource);
  const format = folderFormat(read, findings);
  const files: MigrationFile[] = [];
  for (const source of read) {
    const { name, file } = source;
    if (name.kind === 'wrong') findings.problems.push(`${file}: ${expectedName[format] ?? name.problem}`);
    else if (name.kind !== 'left-alone') files.push(parseFile(source, name, findings));
  }
  files.sort((a, b) => compareVersions(a.version, b.version));
  findings.problems.push(...sameVersions(files));
  if (findings.problems.length > 0) {
    const places = findings.problems.map((problem) => `  ${problem}`).join('\n');
    throw new UserError(`the migrations in ${folder} can't be applied:\n${places}`);
  }
  const list = files.map(({ version, checksum }) => `${version} ${checksum}\n`).join('');
  return { folder, format, files, notes: findings.notes, id: sha256(list) };
}

/** What a file of another name is told, where Flyway's names are no help. */
const expectedName: Partial<Record<MigrationFormat, string>> = {
  'golang-migrate': 'a migration is named 0001_what_it_does.up.sql, as the other files are',
  dbmate: 'a migration is named 20240131120000_what_it_does.sql and has a line "-- migrate:up"',
};

function readSource({ file, content }: SourceFile): ReadFile {
  const text = decodeText(content);
  return { file, content, text, name: readFileName(file, () => hasUpMark(text ?? '')) };
}

/** The one format of all files. Notes what is left alone. */
function folderFormat(read: readonly ReadFile[], { problems, notes }: Findings): MigrationFormat {
  const examples = new Map<MigrationFormat, string>();
  for (const { file, name } of read) {
    if (name.kind !== 'wrong' && !examples.has(name.format)) examples.set(name.format, file);
  }
  if (examples.size > 1) {
    const named = [...examples].map(([format, file]) => `${file} (${format})`).join(', ');
    problems.push(`${named}: files are named in more than one manner: keep to one in a folder`);
  }
  const alone = read.filter(({ name }) => name.kind === 'left-alone').length;
  if (alone > 0) notes.push(`migrations are not undone: files left alone, *.down.sql: ${alone}`);
  return examples.keys().next().value ?? 'flyway';
}

/** Files come by rising version. */
function sameVersions(files: readonly MigrationFile[]): string[] {
  return files.flatMap((file, index) => {
    const before = files[index - 1];
    return before?.version === file.version
      ? [`${file.file}: has version ${file.version}, as ${before.file} has: give it one of its own`]
      : [];
  });
}

type GoodName = Extract<FileName, { kind: 'versioned' | 'repeatable' }>;

function parseFile(
  source: ReadFile,
  { kind, version, name, format }: GoodName,
  findings: Findings,
): MigrationFile {
  const { file, content } = source;
  if (source.text === undefined) {
    findings.problems.push(`${file}:${firstBadLine(content)}: is not UTF-8: save it as UTF-8`);
    return { kind, version, name, file, phase: 'expand', checksum: '', statements: [] };
  }
  const text = format === 'dbmate' ? applicableText(file, source.text, findings) : source.text;
  const checksum = sha256(format === 'dbmate' ? text.trim() : text);
  return { kind, version, name, file, checksum, ...parseContent(text, { kind, file }, findings.problems) };
}

/** What of dbmate's file is applied. */
function applicableText(file: string, whole: string, { problems, notes }: Findings): string {
  const block = readUpBlock(whole);
  for (const { line, message } of block.problems) problems.push(`${file}:${line}: ${message}`);
  if (block.withoutTransaction) {
    notes.push(`${file}: transaction:false changes nothing: each statement is applied by itself anyway`);
  }
  return block.text;
}

type Content = Pick<MigrationFile, 'phase' | 'backfill' | 'statements'>;

function parseContent(
  text: string,
  { kind, file }: Pick<MigrationFile, 'kind' | 'file'>,
  problems: string[],
): Content {
  const split = splitStatements(text);
  const marks = readMarks(split.marks, split.statements);
  for (const { line, message } of [...split.problems, ...marks.problems]) {
    problems.push(`${file}:${line}: ${message}`);
  }
  for (const { line, sql } of split.statements) {
    const refused = refusal(sql);
    if (refused !== undefined) problems.push(`${file}:${line}: ${refused}`);
  }
  if (split.statements.length === 0) problems.push(`${file}: has no statement`);
  if (kind === 'repeatable' && marks.phase !== 'expand') {
    problems.push(`${file}: a repeatable migration belongs to no phase: leave the mark "${marks.phase}" out`);
  }
  const statements = split.statements.map(({ sql, line }, at): Statement => {
    const { repeatable = false, allowances = [] } = marks.statements[at] ?? {};
    const again = repeatable || kind === 'repeatable';
    return { index: at + 1, sql, line, hash: sha256(sql), repeatable: again, allowances };
  });
  const { phase, backfill } = marks;
  return { phase, ...(backfill ? { backfill } : {}), statements };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
