/**
 * Records what an application sends to its database for a while. The server's log is read and emptied once a
 * second; nothing of it is kept but statements without data, and nothing is written anywhere on the way.
 */

import type { Connection } from 'mysql2/promise';
import { setTimeout as delay } from 'node:timers/promises';
import { OperationError, UserError } from '../../app/failure.ts';
import { parseConnectionUrl, redacted } from '../../database/connection-url.ts';
import { reasonOf } from '../connect.ts';
import { usualEscapes } from '../lexer.ts';
import type { RecordedStatement } from '../lint/recording.ts';
import { Collection, type Counts } from './collection.ts';
import { LogFollower } from './log-follower.ts';
import { readBodies, readSchemaWords } from './schema-words.ts';
import { ServerLog } from './server-log.ts';
import { beginAsking, recordedForms } from './statement-forms.ts';

export interface RecordOptions {
  /** See connection-url.ts; its account needs the rights that server-log.ts names. */
  readonly url: string;
  readonly durationMs: number;
  /** Only what these accounts send; without it all but Holdfast's own. */
  readonly accounts?: readonly string[];
  /** Ends the recording before its time; what was seen so far is its result. */
  readonly signal: AbortSignal;
  readonly progress: (event: RecordProgress) => void;
}

export type RecordProgress =
  | { readonly kind: 'leftover'; readonly what: string }
  | { readonly kind: 'recording' }
  | { readonly kind: 'ended' };

export interface StatementRecord {
  /** In an order that is always the same. */
  readonly statements: readonly RecordedStatement[];
  /** `refused`: those that the server does not prepare by themselves. */
  readonly counts: Readonly<Counts> & { readonly refused: number };
}

const readEveryMs = 1_000;
/** What the server gives a recorder besides its time before it puts everything back by itself, in ms. */
const graceMs = 60_000;

/**
 * Throws `UserError` when recording is not possible there (rights, another one at work), `OperationError` when the
 * connection is lost; the server puts its settings back in any case.
 */
export async function recordStatements(options: RecordOptions): Promise<StatementRecord> {
  const { url, durationMs, accounts, signal, progress } = options;
  const { database } = parseConnectionUrl(url);
  if (database === undefined)
    throw new UserError(
      `the database URL ${redacted(url)} names no database: write it behind the last slash`,
    );
  const limitSeconds = (durationMs + graceMs) / 1_000;
  const { log, leftover } = await ServerLog.open({ url, limitSeconds, signal });
  try {
    if (leftover !== undefined) progress({ kind: 'leftover', what: leftover });
    const words = await readSchemaWords(log.connection, database);
    const bodies = await readBodies(log.connection, database);
    const collection = new Collection({ words, escapes: usualEscapes }, bodies);
    const follower = new LogFollower({ database, ...(accounts === undefined ? {} : { accounts }) });
    progress({ kind: 'recording' });
    await gather(log, { follower, collection }, AbortSignal.any([signal, AbortSignal.timeout(durationMs)]));
    await log.putBack();
    progress({ kind: 'ended' });
    return await recordOf(log.connection, collection);
  } catch (error) {
    if (error instanceof UserError || error instanceof OperationError) throw error;
    // A message of the server may quote what was sent: its number is enough.
    throw new OperationError(`the recording was broken off: ${placeOf(error)}`);
  } finally {
    await log.close();
  }
}

async function gather(
  log: ServerLog,
  { follower, collection }: { readonly follower: LogFollower; readonly collection: Collection },
  over: AbortSignal,
): Promise<void> {
  follower.know(await log.processes());
  while (!log.isOver) {
    // The list first: of what is in the log it must not know less.
    const isLast = await rested(over);
    follower.know(await log.processes());
    for (const entry of await log.take()) {
      const sent = follower.follow(entry);
      if (sent) collection.add(sent);
    }
    if (isLast) return;
  }
  throw new OperationError('the recording was broken off: the server has put its general log back');
}

/** @returns whether the time is over */
async function rested(over: AbortSignal): Promise<boolean> {
  // It rejects when the time is over.
  await delay(readEveryMs, undefined, { signal: over }).catch(() => undefined);
  return over.aborted;
}

async function recordOf(connection: Connection, collection: Collection): Promise<StatementRecord> {
  await beginAsking(connection);
  const statements: RecordedStatement[] = [];
  let refused = 0;
  for (const seen of collection.statements()) {
    const forms = await recordedForms(connection, seen);
    if (forms.length === 0) refused += 1;
    statements.push(...forms);
  }
  return { statements, counts: { ...collection.counts, refused } };
}

function placeOf(error: unknown): string {
  const { code, fatal } = error as { code?: unknown; fatal?: unknown };
  const isOfServer = fatal !== true && typeof code === 'string';
  return isOfServer ? `the server refused with ${code}` : reasonOf(error);
}
