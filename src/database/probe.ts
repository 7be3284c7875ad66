/**
 * Whether a database can be used: a new connection that logs in and gets an answer to SELECT 1. This is
 * readiness and liveness of a server; it says nothing of replication.
 */

import { createConnection, type Connection } from 'mysql2/promise';
import { connectionOptions } from './connection-url.ts';

export type DatabaseAnswer =
  | { readonly answers: true }
  /** `refused`: the server is there, but not with this user, password or database. */
  | { readonly answers: false; readonly refused: boolean; readonly reason: string };

/** Access denied for the user, access denied to the database, no such database. */
const refusals = new Set([1045, 1044, 1049, 1698]);

/**
 * Asks once, for at most `timeoutMs`. Never rejects but for a URL that can't be read (`UserError`); an
 * aborted probe is one without an answer.
 */
export async function probeDatabase(
  url: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DatabaseAnswer> {
  const options = connectionOptions(url);
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  if (ended.aborted) return { answers: false, refused: false, reason: 'the probe was stopped' };
  let connection: Connection | undefined;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<DatabaseAnswer>();
  const onAbort = (): void => {
    connection?.destroy();
    stop({
      answers: false,
      refused: false,
      reason: signal.aborted ? 'the probe was stopped' : `no answer within ${timeoutMs} ms`,
    });
  };
  ended.addEventListener('abort', onAbort, { once: true });
  const ask = async (): Promise<DatabaseAnswer> => {
    connection = await createConnection({ ...options, connectTimeout: timeoutMs });
    if (!ended.aborted) await connection.query('SELECT 1');
    // A goodbye: the server writes a warning about connections that just break off.
    await connection.end();
    return { answers: true };
  };
  try {
    return await Promise.race([ask().catch(noAnswer), stopped]);
  } finally {
    ended.removeEventListener('abort', onAbort);
    connection?.destroy();
  }
}

/** Whether the database answers within `timeoutMs`; see `probeDatabase` for why not. */
export async function databaseAnswers(url: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { answers } = await probeDatabase(url, timeoutMs, signal);
  return answers;
}

function noAnswer(error: unknown): DatabaseAnswer {
  const { errno } = error as { errno?: unknown };
  const reason = error instanceof Error && error.message !== '' ? error.message : String(error);
  return { answers: false, refused: typeof errno === 'number' && refusals.has(errno), reason };
}
