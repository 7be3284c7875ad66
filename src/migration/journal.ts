/**
 * The table in which the migrator keeps what it has done: one row for each statement, written before the
 * statement runs and finished in the same transaction as a statement that changes data. It lies in the
 * application's own database, so a backup has both or neither.
 *
 * `began` is set inside the statement's transaction, just before the statement. A statement that changes
 * data leaves the transaction open, so after a crash the mark is gone together with the data. One that
 * commits by itself (every schema change) commits the mark first. So a row that is still `running` says:
 * without the mark nothing of the statement is in the database, with it the schema has to tell.
 *
 * Each write carries the epoch of the lease (lease.ts): a row is begun in a transaction that renews the lease
 * before it commits or changes a row with that epoch, and later changed only while it has the epoch of whoever changes it.
 *
 * Commits are saved where nothing is lost by it. The row of a schema change is begun in the transaction that the
 * change itself commits, and that it is applied is written with whatever comes next, when its fingerprints would
 * tell as much after a crash. The row of a change of data that can't commit by itself is written in its transaction
 * (own-commits.ts), which ends with the lease. The row of any other statement is there before it runs; it may be begun
 * together with the end of the one before.
 *
 * Here is in which transaction something is written, and when. What is written is in journal-writing.ts and
 * journal-corrections.ts, what is read in journal-reading.ts.
 */

import type { Connection } from 'mysql2/promise';
import type { ChunkProgress } from './backfill/chunk-progress.ts';
import { begin, commit, writeAtOnce, type Write } from './combined-writes.ts';
import {
  adoptFile,
  countFiles,
  forgetVersion,
  takeOverRunning,
  writeRepair,
  type Repair,
} from './journal-corrections.ts';
import { readChunks, readDetails, readRows, readStanding } from './journal-reading.ts';
import type { JournalDetails, JournalRow, RowKey } from './journal-row.ts';
import { journalPlace, prepareJournal, type JournalPlace } from './journal-table.ts';
import {
  appliedWrite,
  beganWrite,
  chunksWrite,
  failedWrite,
  runningWrite,
  type Expectation,
} from './journal-writing.ts';
import { isCollision, type HeldLease } from './lease.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import type { TakenFile } from './take-over/findings.ts';

/** How often a transaction of the journal's own is tried while others roll it back. */
const mostAttempts = 10;

/**
 * The journal of one database. All its writes are prepared on the server and name the database, so
 * that nothing a migration sets for the session can change what they mean. It owns no connection.
 */
export class Journal {
  readonly #place: JournalPlace;
  /** A schema change that is applied and whose row does not say so yet. */
  #untold: RowKey | undefined;
  /** The statement whose row was begun with the end of the one before. */
  #begun: Statement | undefined;
  /** The change of data whose transaction has its row and not yet the lease. */
  #open: Statement | undefined;

  constructor(connection: Connection, database: string) {
    this.#place = journalPlace(connection, database);
  }

  /** All rows, by version (as text) and statement; none when there is no table yet. Needs SELECT only. */
  rows(): Promise<JournalRow[]> {
    return readRows(this.#place);
  }

  /** What is kept of a statement for people; empty for one of an older release. */
  details(version: string, statement: number): Promise<JournalDetails> {
    return readDetails(this.#place, version, statement);
  }

  /** How far a statement is that runs in chunks; none before its first. */
  chunks(key: RowKey): Promise<ChunkProgress | undefined> {
    return readChunks(this.#place, key);
  }

  /** Whether the statement has committed by itself; see above. To be asked outside its transaction. */
  async hasBegun(key: RowKey): Promise<boolean> {
    return (await readStanding(this.#place, key)).began;
  }

  /** Makes the table when it is missing, and completes one of an older release. */
  prepare(): Promise<void> {
    return prepareJournal(this.#place);
  }

  /**
   * Takes over the rows that an earlier migrator has left `running`: if it still lives, none of its writes
   * to them succeeds any more. Those of an older release stay marked by their epoch, which is 0.
   */
  async takeOver(lease: HeldLease): Promise<void> {
    await this.#withLease(lease, () => takeOverRunning(this.#place, lease));
  }

  /** Writes that the statement is about to run, and commits that, unless it is written. @throws LeaseLost */
  async starting(key: RowKey, expectation: Expectation, lease: HeldLease): Promise<void> {
    if (this.#begun === key.statement) return;
    await this.#commitWrites(lease, [this.#running(key, expectation, { lease, began: false })]);
  }

  /**
   * Opens the transaction of a schema change, which commits it: until then its row is not begun. What collides
   * is tried again. @throws LeaseLost
   */
  async openChange(key: RowKey, expectation: Expectation, lease: HeldLease): Promise<void> {
    const running = this.#running(key, expectation, { lease, began: true });
    await this.#retried(() => this.#make([begin, ...this.#first(lease), running]));
  }

  /**
   * Opens the transaction of a change of data that can't commit by itself, with its row in it; see own-commits.ts.
   * The lease is only asked when it ends: until then its heartbeat goes on.
   */
  async openData(key: RowKey, expectation: Expectation, lease: HeldLease): Promise<void> {
    const running = this.#running(key, expectation, { lease, began: true });
    await this.#retried(() => this.#make([begin, running]));
    this.#open = key.statement;
  }

  /** Opens the transaction of a statement that has a row, to be called just before it. @throws LeaseLost */
  async beginning(key: RowKey, lease: HeldLease): Promise<void> {
    await this.#make([begin, beganWrite(this.#place.table, key, lease)]);
  }

  /** To be called in the transaction of the statement, just after it. @throws LeaseLost */
  async applied(key: RowKey, lease: HeldLease): Promise<void> {
    await this.#make([this.#applied(key, lease)]);
  }

  /**
   * Commits what the statement has changed, that it is applied, and that `next` of the same file begins.
   * @throws LeaseLost
   */
  async finish(key: RowKey, lease: HeldLease, next?: RowKey & { expected: Expectation }): Promise<void> {
    const begun = next ? [this.#running(next, next.expected, { lease, began: false })] : [];
    const first = this.#open === key.statement ? this.#first(lease) : [];
    await this.#make([...first, this.#applied(key, lease), ...begun, commit]);
    this.#untold = undefined;
    this.#open = undefined;
    this.#begun = next?.statement;
  }

  /** Commits what a chunk has changed together with how far the statement is then. @throws LeaseLost */
  async finishChunk(key: RowKey, progress: ChunkProgress, lease: HeldLease): Promise<void> {
    await this.#make([chunksWrite(this.#place.table, key, lease, JSON.stringify(progress)), commit]);
  }

  /**
   * The schema change is applied, and its row need not say so before the next commit: its fingerprints tell.
   * What was to be told before it has been committed by it.
   */
  tellLater(key: RowKey): void {
    this.#untold = { file: key.file, statement: key.statement };
  }

  /** Writes what is still to be told. @throws LeaseLost */
  async tell(lease: HeldLease): Promise<void> {
    if (this.#untold) await this.#commitWrites(lease, []);
  }

  /** Writes that nothing of the statement is in the database, and why. To be called outside its transaction. @throws LeaseLost */
  async failed(
    key: RowKey,
    { expected, message }: { expected: Expectation; message: string },
    lease: HeldLease,
  ): Promise<void> {
    this.#begun = undefined;
    this.#open = undefined;
    await this.#withLease(lease, async () => {
      const { state, epoch } = await readStanding(this.#place, key);
      const isRunning = state === 'running' && epoch === lease.epoch;
      const running = isRunning ? [] : [this.#running(key, expected, { lease, began: false })];
      await this.#make([...running, failedWrite(this.#place.table, key, lease, message)]);
    });
  }

  /** The applied statements of a file whose later ones have been edited belong to the edited file. */
  async adopt(file: MigrationFile, lease: HeldLease): Promise<void> {
    await this.#withLease(lease, () => adoptFile(this.#place, file));
  }

  /** Forgets how far a repeatable file was, so that it is run again from its first statement. */
  async forget(version: string, lease: HeldLease): Promise<void> {
    await this.#withLease(lease, () => forgetVersion(this.#place, version));
  }

  /** Writes that every statement of `files` is applied, by whom and why that is known. @throws LeaseLost */
  async countAsApplied(
    files: readonly TakenFile[],
    said: Pick<Repair, 'by' | 'reason'>,
    lease: HeldLease,
  ): Promise<void> {
    await this.#withLease(lease, () => countFiles(this.#place, files, said, lease));
  }

  /** Writes down what a human says has become of a statement. @returns whether there was one to decide about */
  async repair(repair: Repair, lease: HeldLease): Promise<boolean> {
    return this.#withLease(lease, () => writeRepair(this.#place, repair, lease));
  }

  /**
   * Renewing the lease in the same transaction makes it collide with whoever takes the lease meanwhile, on
   * any node of a cluster: one of the two commits. On Galera another migrator that makes sure of its tables
   * (`CREATE TABLE IF NOT EXISTS`) also rolls this transaction back: so it is tried again, and the lease tells.
   */
  async #withLease<Result>(lease: HeldLease, work: () => Promise<Result>): Promise<Result> {
    const result = await this.#retried(async () => {
      await this.#make([begin, ...this.#first(lease)]);
      const done = await work();
      await this.#make([commit]);
      return done;
    });
    this.#untold = undefined;
    return result;
  }

  /** The same for `writes`, in one round trip. */
  async #commitWrites(lease: HeldLease, writes: readonly Write[]): Promise<void> {
    await this.#retried(() => this.#make([begin, ...this.#first(lease), ...writes, commit]));
    this.#untold = undefined;
  }

  /** What a transaction of the journal begins with. */
  #first(lease: HeldLease): Write[] {
    return [lease.renewal(), ...(this.#untold ? [this.#applied(this.#untold, lease)] : [])];
  }

  async #retried<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isCollision(error) || attempt === mostAttempts) throw error;
        await this.#place.connection.query('ROLLBACK');
      }
    }
  }

  #running(key: RowKey, expected: Expectation, by: { lease: HeldLease; began: boolean }): Write {
    return runningWrite(this.#place.table, key, expected, by);
  }

  #applied(key: RowKey, lease: HeldLease): Write {
    return appliedWrite(this.#place.table, key, lease);
  }

  async #make(writes: readonly Write[]): Promise<void> {
    await writeAtOnce(this.#place.connection, writes);
  }
}
