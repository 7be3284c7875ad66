/**
 * Waiting for a database: looks again and again until there is nothing left to wait for, says what it waits
 * for, and gives up in time. `waitForDatabase` is the simplest of these waits.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import { redacted } from './connection-url.ts';
import { probeDatabase } from './probe.ts';

/** What is still missing, and for how long it has been waited for, in ms. */
export type ReportWait = (missing: string, waitedMs: number) => void;

export interface Wait {
  /** Says what is still missing, or undefined when nothing is. What it throws ends the wait. */
  readonly look: (signal: AbortSignal) => Promise<string | undefined>;
  readonly timeoutMs: number;
  /** Ends the wait, which then rejects with the reason of the signal. */
  readonly signal: AbortSignal;
  /** Called for the first thing that is missing, for each other one, and every 10 s. */
  readonly waiting: ReportWait;
}

/** Between two looks, and between two reports of the same; ms. */
const intervalMs = 1_000;
const reportMs = 10_000;

/** How long one answer of the database may take, in ms. */
const answerMs = 5_000;

/** Throws `OperationError` that names what is missing when `timeoutMs` is over. */
export async function waitUntil({ look, timeoutMs, signal, waiting }: Wait): Promise<void> {
  const startedAt = performance.now();
  let said: { missing: string; at: number } | undefined;
  for (;;) {
    signal.throwIfAborted();
    const missing = await look(signal);
    if (missing === undefined) return;
    signal.throwIfAborted();
    const now = performance.now();
    if (now - startedAt >= timeoutMs) {
      throw new OperationError(`gave up after ${Math.round(timeoutMs / 1000)} s: ${missing}`);
    }
    if (said?.missing !== missing || now - said.at >= reportMs) {
      waiting(missing, now - startedAt);
      said = { missing, at: now };
    }
    const rest = startedAt + timeoutMs - now;
    await delay(Math.min(intervalMs, rest), undefined, { signal });
  }
}

/**
 * Waits until the database of `url` lets this account in: a server that is just being started refuses
 * accounts that it gets in a moment. Throws `UserError` for a URL that can't be read.
 */
export async function waitForDatabase(url: string, wait: Omit<Wait, 'look'>): Promise<void> {
  const look = async (signal: AbortSignal): Promise<string | undefined> => {
    const answer = await probeDatabase(url, answerMs, signal);
    if (answer.answers) return undefined;
    return `the database ${redacted(url)} ${answer.refused ? 'refuses this account' : 'does not answer'}: ${answer.reason}`;
  };
  await waitUntil({ ...wait, look });
}
