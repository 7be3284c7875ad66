/** Why a run of migrations stopped, with the place in the file. */

import { OperationError, UserError } from '../app/failure.ts';
import { leadingWords } from './allowed-statement.ts';
import type { MigrationFile, Statement } from './migration-set.ts';

/** Nothing has been run: what has been applied and what the files say don't fit, or a human has to look. */
export class MigrationRefused extends UserError {
  /** Every reason, each a sentence with its file; at least one. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the migrations can't be run:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Lock wait timeout, deadlock, server shutdown, statement interrupted, connection killed, too many connections, a node without its cluster. */
const passing = new Set([1205, 1213, 1053, 1317, 1927, 1040, 1047]);

function errnoOf(cause: unknown): number | undefined {
  const { errno } = (cause ?? {}) as { errno?: unknown };
  return typeof errno === 'number' ? errno : undefined;
}

/** The server refused a statement. The statements before it are applied, the journal knows. */
export class MigrationFailure extends OperationError {
  readonly version: string;
  readonly file: string;
  readonly line: number;
  /** The statement's text, shortened; only its first words when it may hold a password. */
  readonly statement: string;
  /** What the server said. */
  readonly reason: string;
  /** Whether the same statement may succeed at another time: the server or the application was in the way. */
  readonly mayPass: boolean;

  constructor(file: MigrationFile, statement: Statement, reason: string, options?: ErrorOptions) {
    const text = shownStatement(statement.sql);
    super(`${file.file}:${statement.line}: ${reason}\n  ${text}`, options);
    this.version = file.version;
    this.file = file.file;
    this.line = statement.line;
    this.statement = text;
    this.reason = reason;
    this.mayPass = passing.has(errnoOf(options?.cause) ?? 0);
  }
}

const longestShown = 200;

/** Whether a statement may have a password in it; rather one too many. */
export function mayHoldPassword(sql: string): boolean {
  return /\b(?:IDENTIFIED|PASSWORD)\b/i.test(sql);
}

/** A statement as it may be shown. */
export function shownStatement(sql: string): string {
  if (mayHoldPassword(sql)) return `${leadingWords(sql, 2).join(' ')} ...`;
  const line = sql.slice(0, 4 * longestShown).replaceAll(/\s+/g, ' ');
  return line.length > longestShown ? `${line.slice(0, longestShown)} ...` : line;
}
