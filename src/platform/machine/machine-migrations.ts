/** Runs the migrator in this process, in the background, and remembers how far it is. */
import { UserError } from '../../app/failure.ts';
import { MigrationFailure } from '../../migration/migration-failure.ts';
import { migrationStatus } from '../../migration/migration-status.ts';
import { describeProgress, type MigrationProgress } from '../../migration/progress.ts';
import {
  appliedContract,
  closedWayText,
  hasContract,
  type ReleasePhase,
} from '../../migration/release-phase.ts';
import { runMigrations, type MigrationReport } from '../../migration/run.ts';
import type { ShadowSettings } from '../../migration/shadow/foresight.ts';
import type { ContractObservation, MigrationsObservation } from '../observation.ts';
import type { MachinePrepared } from './prepared.ts';

/** Pause after the database could not be asked; ms. */
const RETRY_AFTER = 1_000;

type Source = NonNullable<MachinePrepared['migrations']>;

/** What became of a run that ended early. `held`: only the user can go on. */
interface Failure {
  readonly state: 'held' | 'retry';
  readonly problem: string;
  readonly retryAt?: number;
}

export class MachineMigrations {
  readonly #shadow: ShadowSettings;
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  #last: MigrationsObservation = { state: 'unknown', applied: 0, pending: 0 };
  /** Of the set that was brought in last. */
  #contract: ContractObservation | undefined;
  #running: Promise<void> | undefined;

  /** `shadow` says where what is pending is tried first. */
  constructor(shadow: ShadowSettings, onChange: () => void) {
    this.#shadow = shadow;
    this.#onChange = onChange;
  }

  observe(prepared: MachinePrepared): MigrationsObservation {
    const contract = this.#contract === undefined ? {} : { contract: this.#contract };
    if (prepared.migrations === undefined) return { state: 'none', applied: 0, pending: 0, ...contract };
    const { set } = prepared.migrations;
    if (this.#last.set !== set.id && this.#running === undefined)
      return { state: 'unknown', applied: 0, pending: set.files.length, ...contract };
    return { ...this.#last, ...contract };
  }

  /** Lets a set that is held back be tried again. */
  retry(): void {
    if (this.#running !== undefined) return;
    this.#last = { state: 'unknown', applied: 0, pending: 0 };
    if (this.#contract?.state !== 'held') return;
    const { set, files } = this.#contract;
    this.#contract = { set, files, state: 'pending' };
  }

  /**
   * Begins to apply the set, or what of it comes before its contract, unless a run is under way. `inForce` is what
   * serves, whose contract may have closed the way to this set.
   */
  run(
    { migrations }: MachinePrepared,
    extent: 'expand' | 'everything',
    inForce: Pick<MachinePrepared, 'contract'> | undefined,
  ): void {
    if (migrations !== undefined) this.#begin(() => this.#apply(migrations, extent, inForce?.contract));
  }

  /** Begins to apply what waited until no instance of an older version was left, unless a run is under way. */
  runContract({ migrations }: MachinePrepared): void {
    if (migrations !== undefined) this.#begin(() => this.#applyContract(migrations));
  }

  /** Breaks off a run: the statement under way ends on the server, or is rolled back by it. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  #begin(work: () => Promise<void>): void {
    this.#running ??= work().finally(() => {
      this.#running = undefined;
      this.#onChange();
    });
  }

  async #apply(source: Source, extent: 'expand' | 'everything', standing: string | undefined): Promise<void> {
    const { set } = source;
    const about = { set: set.id, applied: 0, pending: set.files.length };
    this.#last = { ...about, state: 'running' };
    const progress = (event: MigrationProgress): void => {
      this.#last = { ...this.#last, progress: describeProgress(event) };
      this.#onChange();
    };
    const phase = extent === 'expand' ? { phase: extent } : {};
    const done = await this.#tried(async (signal) => {
      await requireOpenWay(source, standing, signal);
      return this.#migrate({ ...source, ...phase, progress });
    });
    if ('problem' in done) {
      this.#last = { ...about, ...(done.state === 'held' ? await this.#counts(source) : {}), ...done };
      return;
    }
    const { length } = done.later;
    this.#last = { set: set.id, state: 'applied', applied: set.files.length - length, pending: length };
    this.#contract =
      length > 0
        ? { set: set.id, state: 'pending', files: done.later }
        : { set: set.id, ...appliedContract(set.files) };
  }

  async #applyContract(source: Source): Promise<void> {
    const { set } = source;
    const about = { set: set.id, files: this.#contract?.files ?? [] };
    this.#contract = { ...about, state: 'running' };
    const progress = (event: MigrationProgress): void => {
      this.#contract = { ...about, state: 'running', progress: describeProgress(event) };
      this.#onChange();
    };
    const done = await this.#tried(() => this.#migrate({ ...source, phase: 'contract', progress }));
    if ('problem' in done) {
      this.#contract = { ...about, ...done };
      return;
    }
    this.#contract = { set: set.id, ...appliedContract(set.files) };
    if (this.#last.set === set.id) this.#last = { ...this.#last, applied: set.files.length, pending: 0 };
  }

  #migrate(
    run: Source & { readonly phase?: ReleasePhase; readonly progress: (event: MigrationProgress) => void },
  ): Promise<MigrationReport> {
    return runMigrations({ ...run, signal: this.#end.signal, shadow: this.#shadow });
  }

  async #tried(work: (signal: AbortSignal) => Promise<MigrationReport>): Promise<MigrationReport | Failure> {
    try {
      return await work(this.#end.signal);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const isHeld = error instanceof UserError || error instanceof MigrationFailure;
      return isHeld
        ? { state: 'held', problem }
        : { state: 'retry', problem, retryAt: Date.now() + RETRY_AFTER };
    }
  }

  /** How many files are applied and pending, as far as the journal can be asked. */
  async #counts({ url, set }: Source): Promise<{ applied: number; pending: number } | undefined> {
    try {
      const { applied, pending } = await migrationStatus({ url, set });
      return { applied, pending };
    } catch {
      // What went wrong is told already; the counts are an extra.
      return undefined;
    }
  }
}

/** The database alone tells: `standing`, the last contract of what is in force, may have been applied by anybody. */
async function requireOpenWay(
  { url, set }: Source,
  standing: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (standing === undefined || hasContract(set.files, standing)) return;
  const { files } = await migrationStatus({ url, set, signal });
  const contract = files.find(({ version, applied }) => version === standing && applied > 0);
  if (contract !== undefined)
    throw new UserError(closedWayText(`V${contract.version}__${contract.name}.sql`));
}
