/** What a run of migrations tells while it is at work. */

import { describeBackfill, type BackfillStatus } from './backfill/chunk-progress.ts';
import type { LeaseHolder } from './lease.ts';
import type { LockHolder } from './lock.ts';

/** A statement by its place. */
interface Place {
  readonly version: string;
  readonly file: string;
  /** From 1. */
  readonly statement: number;
  readonly line: number;
}

export type MigrationProgress =
  /** Another migrator is at work; who it is is unknown when it has just gone. */
  | { readonly kind: 'waiting'; readonly holder?: LockHolder; readonly lease?: LeaseHolder }
  /** Something to know, in a sentence. */
  | { readonly kind: 'note'; readonly text: string }
  /** A statement begins; `statements` is how many its file has. */
  | (Place & { readonly kind: 'statement'; readonly statements: number })
  /** The application holds what the statement needs: it gives up and is tried again. */
  | (Place & { readonly kind: 'blocked'; readonly attempt: number; readonly reason: string })
  /** How far a statement of a backfill is; told once for each percent. */
  | (Place & { readonly kind: 'backfill' } & BackfillStatus)
  /** A backfill waits, since the server has too much to do. */
  | (Place & { readonly kind: 'throttled'; readonly reason: string })
  /** A statement that an earlier run had begun: it was found applied, or not applied and is run now. */
  | (Place & { readonly kind: 'recovered'; readonly outcome: 'applied' | 'not-applied' })
  /** A file is done. */
  | {
      readonly kind: 'applied';
      readonly version: string;
      readonly file: string;
      readonly durationMs: number;
    };

export type ReportProgress = (event: MigrationProgress) => void;

/** One line for people. */
export function describeProgress(event: MigrationProgress): string {
  switch (event.kind) {
    case 'waiting':
      return `waiting for another migrator${describeHolder(event)}`;
    case 'note':
      return event.text;
    case 'statement':
      return `${event.file}:${event.line}: statement ${event.statement} of ${event.statements}`;
    case 'blocked':
      return `${event.file}:${event.line}: blocked (${event.reason}), try ${event.attempt}`;
    case 'backfill':
      return `${event.file}:${event.line}: ${describeBackfill(event)}`;
    case 'throttled':
      return `${event.file}:${event.line}: the backfill rests (${event.reason})`;
    case 'recovered':
      return `${event.file}:${event.line}: an interrupted statement was found ${event.outcome}`;
    case 'applied':
      return `${event.file} applied in ${Math.round(event.durationMs)} ms`;
  }
}

function describeHolder({ holder, lease }: Extract<MigrationProgress, { kind: 'waiting' }>): string {
  const who = [
    ...(lease === undefined ? [] : [`${lease.name}, at work since ${lease.since.toISOString()}`]),
    ...(holder === undefined ? [] : [`connection ${holder.connection} from ${holder.host ?? 'elsewhere'}`]),
  ];
  return who.length === 0 ? '' : ` (${who.join('; ')})`;
}
