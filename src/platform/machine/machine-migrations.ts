/** Runs the migrator in this process, in the background, and remembers how far it is. */
import { UserError } from '../../app/failure.ts';
import { MigrationFailure } from '../../migration/migration-failure.ts';
import type { MigrationSet } from '../../migration/migration-set.ts';
import { migrationStatus } from '../../migration/migration-status.ts';
import type { MigrationProgress } from '../../migration/progress.ts';
import { runMigrations } from '../../migration/run.ts';
import type { MigrationsObservation } from '../observation.ts';
import type { MachinePrepared } from './prepared.ts';

/** Pause after the database could not be asked; ms. */
const RETRY_AFTER = 1_000;

export class MachineMigrations {
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  #last: MigrationsObservation = { state: 'unknown', applied: 0, pending: 0 };
  #running: Promise<void> | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  observe(prepared: MachinePrepared): MigrationsObservation {
    if (prepared.migrations === undefined) return { state: 'none', applied: 0, pending: 0 };
    const { set } = prepared.migrations;
    if (this.#last.set !== set.id && this.#running === undefined)
      return { state: 'unknown', applied: 0, pending: set.files.length };
    return this.#last;
  }

  /** Lets a set that is held back be tried again. */
  retry(): void {
    if (this.#running === undefined) this.#last = { state: 'unknown', applied: 0, pending: 0 };
  }

  /** Begins to apply the set, unless a run is under way. */
  run(prepared: MachinePrepared): void {
    if (prepared.migrations === undefined || this.#running !== undefined) return;
    this.#running = this.#apply(prepared.migrations).finally(() => {
      this.#running = undefined;
      this.#onChange();
    });
  }

  /** Breaks off a run: the statement under way ends on the server, or is rolled back by it. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #apply({ set, url }: NonNullable<MachinePrepared['migrations']>): Promise<void> {
    const about = { set: set.id, applied: 0, pending: set.files.length };
    this.#last = { ...about, state: 'running' };
    const progress = (event: MigrationProgress): void => {
      this.#last = { ...this.#last, progress: describeProgress(event) };
      this.#onChange();
    };
    try {
      await runMigrations({ url, set, signal: this.#end.signal, progress });
      this.#last = { set: set.id, state: 'applied', applied: set.files.length, pending: 0 };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const held = error instanceof UserError || error instanceof MigrationFailure;
      this.#last = held
        ? { ...about, ...(await this.#counts(url, set)), state: 'held', problem }
        : { ...about, state: 'retry', problem, retryAt: Date.now() + RETRY_AFTER };
    }
  }

  /** How many files are applied and pending, as far as the journal can be asked. */
  async #counts(url: string, set: MigrationSet): Promise<{ applied: number; pending: number } | undefined> {
    try {
      const { applied, pending } = await migrationStatus({ url, set });
      return { applied, pending };
    } catch {
      // What went wrong is told already; the counts are an extra.
      return undefined;
    }
  }
}

function describeProgress(event: MigrationProgress): string {
  switch (event.kind) {
    case 'waiting':
      return event.holder === undefined
        ? 'wait for another migrator'
        : `wait for another migrator (connection ${event.holder.connection} from ${event.holder.host})`;
    case 'statement':
      return `${event.file}: statement ${event.statement} of ${event.statements}`;
    case 'blocked':
      return `${event.file}:${event.line}: blocked (${event.reason}), try ${event.attempt}`;
    case 'recovered':
      return `${event.file}:${event.line}: an interrupted statement was found ${event.outcome}`;
    case 'applied':
      return `${event.file} applied`;
  }
}
