/**
 * Waits in the database itself until every file of a set that its instances need is applied as it is: for what must
 * not start on an older schema. A contract is not waited for: it waits for the instances. It only reads, with whatever account may read the application's tables.
 */

import { OperationError, UserError } from '../app/failure.ts';
import { waitUntil, type ReportWait } from '../database/wait.ts';
import { MigrationRefused } from './migration-failure.ts';
import type { MigrationSet } from './migration-set.ts';
import { migrationStatus, type MigrationStatus } from './migration-status.ts';

export interface MigrationWait {
  /** URL of the database with any account that may read; see connection-url.ts. */
  readonly url: string;
  readonly set: MigrationSet;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Hears of a failed migration once, and again when it fails otherwise. */
  readonly waiting: ReportWait;
  /** Waits on when a migration has failed: somebody mends it, and whoever waits need not begin anew. */
  readonly throughFailures?: boolean;
}

/** What one look at the journal says. */
export type WaitVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly missing: string }
  /** A statement failed, and nobody is at work on it. */
  | { readonly kind: 'failed'; readonly problem: string }
  /** What has been applied is not what the files say: waiting doesn't change that. */
  | { readonly kind: 'refused'; readonly problem: string };

/** How long one look may take, in ms. */
const lookMs = 20_000;

/** Decides what a status means for somebody who waits. Pure. A database that is ahead of the set is fine. */
export function waitVerdict(status: MigrationStatus): WaitVerdict {
  const { state, applied, pending, problem = '' } = status;
  const next = status.files.find(({ file, state }) => file !== undefined && state !== 'applied')?.file ?? '';
  const progress = `${applied} of ${applied + pending} migrations are applied, next is ${next}`;
  switch (state) {
    case 'applied':
      return { kind: 'done' };
    case 'pending':
      return { kind: 'wait', missing: progress };
    case 'running':
      return { kind: 'wait', missing: `${progress}; a migrator is at work` };
    case 'interrupted':
      return { kind: 'wait', missing: `${progress}, which a migrator left unfinished` };
    case 'failed':
      return { kind: 'failed', problem };
    case 'changed':
    case 'missing':
      return { kind: 'refused', problem };
  }
}

/**
 * Throws `OperationError` for a migration that failed, unless it waits through failures, and when `timeoutMs`
 * is over; `MigrationRefused` when the database will never be what the set says.
 */
export async function waitForMigrations(input: MigrationWait): Promise<void> {
  const { url, set, throughFailures = false, waiting, ...wait } = input;
  let seenFailing: string | undefined;
  const look = async (signal: AbortSignal): Promise<string | undefined> => {
    const verdict = await askOnce({ url, set, signal });
    if (verdict.kind !== 'failed') seenFailing = undefined;
    switch (verdict.kind) {
      case 'done':
        return undefined;
      case 'wait':
        return verdict.missing;
      case 'refused':
        throw new MigrationRefused([verdict.problem]);
      case 'failed':
        // Journal and lock are read one after the other: a migrator may have come or gone in between.
        if (seenFailing === verdict.problem && !throughFailures)
          throw new OperationError(failureWords(verdict.problem));
        seenFailing = verdict.problem;
        return failureWords(verdict.problem);
    }
  };
  await waitUntil({ ...wait, look, waiting: tellingFailuresOnce(waiting) });
}

const FAILURE = 'a migration failed: ';

function failureWords(problem: string): string {
  return `${FAILURE}${problem}`;
}

/** A failure may last for hours and is long. */
function tellingFailuresOnce(waiting: ReportWait): ReportWait {
  let told: string | undefined;
  return (missing, waitedMs) => {
    if (missing === told) return;
    told = missing.startsWith(FAILURE) ? missing : undefined;
    waiting(missing, waitedMs);
  };
}

/** A database that can't be asked yet is waited for like one that has not been migrated. */
async function askOnce(question: {
  url: string;
  set: MigrationSet;
  signal: AbortSignal;
}): Promise<WaitVerdict> {
  const signal = AbortSignal.any([question.signal, AbortSignal.timeout(lookMs)]);
  try {
    return waitVerdict(await migrationStatus({ ...question, signal, forInstances: true }));
  } catch (error) {
    if (error instanceof UserError || !(error instanceof OperationError)) throw error;
    return { kind: 'wait', missing: error.message };
  }
}
