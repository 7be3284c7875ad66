/** What a run of migrations tells while it is at work. */

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
  /** Another migrator holds the lock; `holder` is unknown when it has just gone. */
  | { readonly kind: 'waiting'; readonly holder?: LockHolder }
  /** A statement begins; `statements` is how many its file has. */
  | (Place & { readonly kind: 'statement'; readonly statements: number })
  /** The application holds what the statement needs: it gives up and is tried again. */
  | (Place & { readonly kind: 'blocked'; readonly attempt: number; readonly reason: string })
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
