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

/** The server refused a statement. The statements before it are applied, the journal knows. */
export class MigrationFailure extends OperationError {
  readonly version: string;
  readonly file: string;
  readonly line: number;
  /** The statement's text, shortened; only its first words when it may hold a password. */
  readonly statement: string;
  /** What the server said. */
  readonly reason: string;

  constructor(file: MigrationFile, statement: Statement, reason: string, options?: ErrorOptions) {
    const text = shownStatement(statement.sql);
    super(`${file.file}:${statement.line}: ${reason}\n  ${text}`, options);
    this.version = file.version;
    this.file = file.file;
    this.line = statement.line;
    this.statement = text;
    this.reason = reason;
  }
}

const longestShown = 200;

/** A statement as it may be shown. */
export function shownStatement(sql: string): string {
  if (/\b(?:IDENTIFIED|PASSWORD)\b/i.test(sql)) return `${leadingWords(sql, 2).join(' ')} ...`;
  const line = sql.slice(0, 4 * longestShown).replaceAll(/\s+/g, ' ');
  return line.length > longestShown ? `${line.slice(0, longestShown)} ...` : line;
}
