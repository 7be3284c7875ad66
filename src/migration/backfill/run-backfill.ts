/**
 * Runs one statement of a backfill for every chunk of a table's rows, by rising key. Each chunk is committed
 * together with its last key in the journal, so whatever is killed, each row is changed once. Between two chunks
 * the migrator rests: as long as the chunk took, and while the server has too much to do or a replica is behind.
 *
 * A chunk is all rows between its first and last key, both taken from the table just before it; the next one
 * begins behind it. So a row belongs to one chunk as long as its key stays, and that is made sure of.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { leadingWords } from '../allowed-statement.ts';
import { schemaFingerprint } from '../fingerprint.ts';
import type { Expectation } from '../journal-writing.ts';
import { LeaseLost } from '../lease.ts';
import type { Backfill } from '../migration-set.ts';
import { settle, transactionAfter, type Failure, type Task, type Workplace } from '../run-statement.ts';
import { connectionLost, isFatal, pauseBefore } from '../statement-error.ts';
import { tagged } from '../statement-tag.ts';
import { firstPace, nextPace, pauseAfter, slower, type Pace } from './chunk-pace.ts';
import { backfillStatus, isProgressOf, type ChunkProgress } from './chunk-progress.ts';
import { readKeyColumn, type KeyColumn } from './key-column.ts';
import { Replicas } from './replicas.ts';
import { ServerLoad } from './server-load.ts';

/** How long a chunk waits for a lock of the application, in s: what it has locked itself waits as well. */
const lockWaitSeconds = 1;
/** How long to wait before it is asked again whether there is a reason to wait, in ms. */
const loadPauseMs = 500;

/** What the server does not refuse, and must not be. */
class BackfillRefused extends Error {}

export interface BackfillTask extends Task {
  readonly backfill: Backfill;
}

interface Walk {
  readonly work: Workplace;
  readonly task: BackfillTask & { readonly expected: Expectation };
  readonly key: KeyColumn;
}

interface Position {
  readonly progress: Omit<ChunkProgress, 'last'> & { readonly last?: string };
  readonly pace: Pace;
}

/** Throws as `runStatement` does. */
export async function runBackfill(work: Workplace, task: BackfillTask): Promise<void> {
  const { connection, database, journal, lease, signal } = work;
  signal.throwIfAborted();
  const expected = task.expected ?? { before: await schemaFingerprint(connection, database) };
  await journal.starting(task, expected, lease);
  const failed = await walk(work, { ...task, expected });
  signal.throwIfAborted();
  if (failed) throw failed.error;
}

async function walk(
  work: Workplace,
  task: BackfillTask & { readonly expected: Expectation },
): Promise<Failure | undefined> {
  try {
    const key = await readKeyColumn(work.connection, work.database, task.backfill);
    if (typeof key === 'string') throw new BackfillRefused(key);
    await work.connection.query('SET SESSION innodb_lock_wait_timeout = ?', [lockWaitSeconds]);
    return await walkChunks({ work, task, key });
  } catch (error) {
    return settleFailure(work, task, error);
  }
}

async function walkChunks({ work, task, key }: Walk): Promise<Failure | undefined> {
  const load = new ServerLoad(work.connection);
  using replicas = new Replicas(work.connection, work.replicas);
  const obstacle = async (): Promise<string | undefined> =>
    (await load.obstacle()) ?? (await replicas.obstacle());
  let position = await beginning({ work, task, key });
  let attempt = 0;
  let giveUpAt = performance.now() + work.blockedMs;
  let startedAt = performance.now();
  for (;;) {
    work.signal.throwIfAborted();
    await waitForOthers(work, task, obstacle);
    const outcome = await tryChunk({ work, task, key }, position, startedAt);
    if (outcome === 'done') return undefined;
    if ('error' in outcome) {
      work.signal.throwIfAborted();
      attempt += 1;
      if (!outcome.blocked || performance.now() > giveUpAt) return outcome;
      tellBlocked(work, task, { attempt, reason: outcome.error.reason });
      position = { ...position, pace: slower(position.pace) };
      await delay(pauseBefore(attempt), undefined, { signal: work.signal });
      await work.journal.starting(task, task.expected, work.lease);
      continue;
    }
    tellProgress(work, task, position, outcome.position);
    position = outcome.position;
    attempt = 0;
    startedAt = performance.now();
    giveUpAt = startedAt + work.blockedMs;
    await delay(pauseAfter(outcome.chunkMs, load.others), undefined, { signal: work.signal });
  }
}

/** Where an earlier run has stopped, or before the first row. */
async function beginning({ work, task, key }: Walk): Promise<Position> {
  const { statement, backfill } = task;
  const { table, key: column } = backfill;
  const known = await work.journal.chunks(task);
  const anew = { hash: statement.hash, table, key: column, rows: 0, total: key.rows, ms: 0 };
  const progress = known && isProgressOf(known, statement, backfill) ? known : anew;
  return { progress, pace: firstPace(backfill.rows) };
}

/** Waits while the server has too much to do, or others come after too slowly. */
async function waitForOthers(
  work: Workplace,
  task: Task,
  obstacle: () => Promise<string | undefined>,
): Promise<void> {
  let told = false;
  for (;;) {
    const reason = await obstacle();
    if (reason === undefined) return;
    if (!told) work.progress({ kind: 'throttled', ...placeOf(task), reason });
    told = true;
    await delay(loadPauseMs, undefined, { signal: work.signal });
  }
}

interface Done {
  readonly position: Position;
  readonly chunkMs: number;
}

async function tryChunk(walk: Walk, position: Position, startedAt: number): Promise<Done | Failure | 'done'> {
  const { work, task } = walk;
  try {
    return await runChunk(walk, position, startedAt);
  } catch (error) {
    return settleFailure(work, task, error);
  }
}

async function runChunk(walk: Walk, { progress, pace }: Position, startedAt: number): Promise<Done | 'done'> {
  const { work, task, key } = walk;
  const { connection, journal, lease } = work;
  const beganAt = performance.now();
  // For this transaction only: no row comes into the chunk while its keys are compared.
  await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION');
  const chunk = await nextChunk(connection, key, { last: progress.last, rows: pace.rows });
  if (!chunk) {
    const next = task.next?.expected.isSingle === false ? { file: task.file, ...task.next } : undefined;
    await journal.finish(task, lease, next);
    return 'done';
  }
  work.signal.throwIfAborted();
  await runOnChunk(walk);
  const now = performance.now();
  const done: ChunkProgress = {
    ...progress,
    last: chunk.last,
    rows: progress.rows + chunk.rows,
    ms: Math.round(progress.ms + now - startedAt),
  };
  await journal.finishChunk(task, done, lease);
  const chunkMs = performance.now() - beganAt;
  return { position: { progress: done, pace: nextPace(pace, chunkMs, task.backfill.rows) }, chunkMs };
}

/** The statement, which must neither move rows into chunks to come nor add any there. */
async function runOnChunk(walk: Walk): Promise<void> {
  const {
    work: { connection },
    task: { statement },
    key,
  } = walk;
  const isUpdate = leadingWords(statement.sql, 1)[0] === 'UPDATE';
  const before = isUpdate ? await keysOf(connection, key) : undefined;
  if (!isUpdate) await rememberEnd(connection, key);
  const [result] = await connection.query(tagged(statement.sql));
  if (transactionAfter(result) === 'committed')
    throw new BackfillRefused('the statement commits by itself: its chunk and the journal would come apart');
  if (before !== undefined && (await keysOf(connection, key)) !== before)
    throw new BackfillRefused(
      `it changes ${key.column}, along which it walks: rows would be met twice or never`,
    );
  if (!isUpdate && (await hasRowsBehindEnd(connection, key)))
    throw new BackfillRefused(
      `it adds rows to ${key.table}, the table that it walks: it would come to them as well, without end`,
    );
}

/** Puts the first and the last key of the next chunk into the variables that the statement reads. */
async function nextChunk(
  connection: Connection,
  { table, column, text, value }: KeyColumn,
  { last, rows }: { last: string | undefined; rows: number },
): Promise<{ last: string; rows: number } | undefined> {
  if (last !== undefined) await connection.query(`SET @holdfast_last = ${value}`, [last]);
  const behind = last === undefined ? '' : `WHERE ${column} > @holdfast_last`;
  await connection.query(
    `SELECT MIN(k), MAX(k), COUNT(*) INTO @chunk_first, @chunk_last, @holdfast_rows
     FROM (SELECT ${column} AS k FROM ${table} ${behind} ORDER BY ${column} LIMIT ${rows}) AS chunk`,
  );
  const [[found]] = await connection.query<RowDataPacket[]>(
    `SELECT @holdfast_rows AS number, ${text('@chunk_last')} AS last`,
  );
  const count = Number(found?.['number']);
  return count === 0 ? undefined : { rows: count, last: String(found?.['last']) };
}

/** All keys of the chunk in one number, whose rows are locked by that; nobody else adds one. */
async function keysOf(connection: Connection, { table, column }: KeyColumn): Promise<string> {
  const [[sum]] = await connection.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS number, BIT_XOR(CRC32(${column})) AS mixed FROM ${table}
     WHERE ${column} BETWEEN @chunk_first AND @chunk_last FOR UPDATE`,
  );
  return `${String(sum?.['number'])} ${String(sum?.['mixed'])}`;
}

/** The last key of the table as this transaction sees it: what others add from now on, it does not see. */
async function rememberEnd(connection: Connection, { table, column }: KeyColumn): Promise<void> {
  await connection.query(`SELECT MAX(${column}) INTO @holdfast_end FROM ${table}`);
}

async function hasRowsBehindEnd(connection: Connection, { table, column }: KeyColumn): Promise<boolean> {
  const [[found]] = await connection.query<RowDataPacket[]>(
    `SELECT EXISTS (SELECT 1 FROM ${table} WHERE ${column} > @holdfast_end) AS grown`,
  );
  return Number(found?.['grown']) === 1;
}

async function settleFailure(
  work: Workplace,
  task: BackfillTask & { readonly expected: Expectation },
  error: unknown,
): Promise<Failure> {
  if (error instanceof LeaseLost) throw error;
  work.signal.throwIfAborted();
  if (!(error instanceof BackfillRefused) && isFatal(error)) throw connectionLost(task, error);
  return settle(work, task, { error, expected: task.expected });
}

function placeOf({ file, statement }: Task): {
  version: string;
  file: string;
  statement: number;
  line: number;
} {
  return { version: file.version, file: file.file, statement: statement.index, line: statement.line };
}

function tellBlocked(
  { progress }: Workplace,
  task: Task,
  about: { readonly attempt: number; readonly reason: string },
): void {
  progress({ kind: 'blocked', ...placeOf(task), ...about });
}

/** Tells each percent once. */
function tellProgress({ progress }: Workplace, task: Task, before: Position, after: Position): void {
  const percent = ({ progress: { rows, total } }: Position): number =>
    Math.floor((100 * rows) / (total || 1));
  if (percent(before) === percent(after)) return;
  progress({ kind: 'backfill', ...placeOf(task), ...backfillStatus({ ...after.progress, last: '' }) });
}
