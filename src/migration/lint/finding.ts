/** A finding of `migrate lint`, and what the file allows of them. Pure. */

import { shownStatement } from '../migration-failure.ts';
import type { Step } from '../shadow/rehearsal.ts';
import { nameOf, type RecordedStatement } from './recording.ts';
import { rewriteOf, rules, withoutGap, type Rule } from './rules.ts';

/** What a statement of the running version notices. */
export interface Use {
  /** The recorded statement, by its name or its text. */
  readonly statement: string;
  /** Who was seen to send it: services, or accounts of the database. */
  readonly seen?: readonly string[];
  readonly what: string;
  /** The statement of the same migration after which it works again, as FILE:LINE. */
  readonly until?: string;
}

export interface Finding {
  readonly rule: Rule;
  /** An error fails the lint. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The statement of the migration, shortened; without passwords. */
  readonly statement: string;
  readonly message: string;
  readonly uses: readonly Use[];
  /** How to do it so that nothing is found. */
  readonly rewrite: string;
  /** Why it is no error here, as the file says. */
  readonly allowed?: string;
}

export interface Found {
  readonly rule: Rule;
  readonly severity?: Finding['severity'];
  readonly message?: string;
  readonly uses?: readonly Use[];
  /** Of the server's error. */
  readonly code?: number;
}

/** That a recorded statement notices something. */
export function useOf(recorded: RecordedStatement, what: string): Use {
  const { seen } = recorded;
  return { statement: nameOf(recorded), ...(seen === undefined ? {} : { seen }), what };
}

/** What is found of one statement of a migration, as its file allows it. */
export function findingOf({ file, statement }: Step, found: Found): Finding {
  const { rule, uses = [], code } = found;
  const allowance = statement.allowances.find((allowance) => allowance.rule === rule);
  const isGap = uses.length > 0 && uses.every(({ until }) => until !== undefined);
  return {
    rule,
    severity: allowance ? 'warning' : (found.severity ?? severityIn(file.phase, rule)),
    file: file.file,
    line: statement.line,
    statement: shownStatement(statement.sql),
    message: found.message ?? rules[rule],
    uses,
    rewrite: isGap ? withoutGap : rewriteOf(rule, code),
    ...(allowance ? { allowed: allowance.reason } : {}),
  };
}

/** A contract file runs when no instance of an older version is left: then nobody sends what it breaks. */
function severityIn(phase: string, rule: Rule): Finding['severity'] {
  return phase === 'contract' && rule !== 'fails' ? 'warning' : 'error';
}
