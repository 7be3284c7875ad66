/** One machine as a platform: child processes, files below `.holdfast/`, HAProxy's socket. */
import { createHash } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../app/defined.ts';
import type { App } from '../../app/model.ts';
import { isCopied } from '../../routing/hand-over/copied-table.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import type { TableChange } from '../../routing/table-history.ts';
import type { Observation } from '../observation.ts';
import type { Platform, Standing } from '../platform.ts';
import type { MachineStep } from '../step.ts';
import { KeptPorts } from './kept-ports.ts';
import { boundLog } from './log-file.ts';
import { MachineDatabase } from './machine-database.ts';
import { MachineSessions } from './machine-sessions.ts';
import { logFile, MachineInstances } from './machine-instances.ts';
import { MachineMigrations } from './machine-migrations.ts';
import { MachineRouter } from './machine-router.ts';
import { prepare, type MachinePrepared } from './prepared.ts';
import { ProcessTable } from './process-table.ts';
import type { StateFolder } from './state-folder.ts';
import { TableFiles } from './table-files.ts';

export interface MachinePlace {
  /** The folder of `holdfast.yaml`, where instances run. */
  readonly folder: string;
  readonly state: StateFolder;
  /** The environment that `from` values are taken from. */
  readonly shell: Readonly<Record<string, string | undefined>>;
}

/** How often logs are looked at and bounded; ms. */
const LOG_INTERVAL = 1_000;
/** When nothing else is known of a service, how long its instances may take to end; ms. */
const DEFAULT_STOP = 10_000;
const POLL = 20;

export class MachinePlatform implements Platform<MachinePrepared> {
  readonly #place: MachinePlace;
  readonly #table: ProcessTable;
  readonly #tables: TableFiles;
  readonly #ports: KeptPorts;
  readonly #instances: MachineInstances;
  readonly #database: MachineDatabase;
  readonly #migrations: MachineMigrations;
  readonly #router: MachineRouter;
  readonly #sessions: MachineSessions;
  readonly #listeners = new Set<() => void>();
  #shell: MachinePlace['shell'];
  #app: App | undefined;
  #observed: Observation | undefined;
  #logTimer: NodeJS.Timeout | undefined;
  #boundingLogs = false;

  constructor(place: MachinePlace) {
    const { state, shell } = place;
    const searchPath = shell['PATH'] ?? '';
    const scope = createHash('sha256').update(state.root).digest('hex').slice(0, 16);
    const changed = (): void => this.#changed();
    this.#place = place;
    this.#shell = place.shell;
    this.#table = new ProcessTable(state.processes, scope);
    this.#tables = new TableFiles(state.routing);
    this.#ports = new KeptPorts(state.ports, scope);
    this.#instances = new MachineInstances(this.#table, scope, changed);
    this.#database = new MachineDatabase({ table: this.#table, state, searchPath }, changed);
    const shadow = { temporary: tmpdir(), searchPath, cache: state.rehearsals };
    this.#migrations = new MachineMigrations(shadow, changed);
    const processes = { table: this.#table, tables: this.#tables, state };
    this.#router = new MachineRouter({ ...processes, searchPath });
    this.#sessions = new MachineSessions({ ...processes, router: this.#router });
  }

  /** Adopts what runs. Call once, before anything else, holding the application's lock. */
  async open(): Promise<void> {
    await this.#table.open();
    await this.#tables.open();
    this.#table.onChange(() => this.#changed());
    // A log that can't be bounded now is tried again, and must not end the controller.
    const boundLogs = (): void => void this.#boundLogs().catch(() => undefined);
    this.#logTimer = setInterval(boundLogs, LOG_INTERVAL).unref();
  }

  /** Takes the values that the file wants from a shell from this one, where it has them. */
  useShell(shell: Readonly<Record<string, string>>): void {
    this.#shell = { ...this.#shell, ...shell };
  }

  /** The user has mended something: whatever failed is tried again, at once. */
  async tryAgain(): Promise<void> {
    this.#migrations.retry();
    await this.#table.forgive();
  }

  async prepare(
    app: App,
    restarts: Readonly<Record<string, number>>,
    standing?: Standing<MachinePrepared>,
  ): Promise<MachinePrepared> {
    const { folder, state } = this.#place;
    const around = { folder, state, shell: this.#shell };
    const known = defined({ standing });
    return prepare({ app, restarts, around, ports: this.#ports, table: this.#table, ...known });
  }

  async observe(wanted: MachinePrepared, inForce: MachinePrepared | undefined): Promise<Observation> {
    const now = Date.now();
    this.#app = inForce?.app ?? wanted.app;
    // Looked at first: what is said afterwards is no older than a hand-over that is over.
    const handOvers = this.#sessions.activity();
    const seen = this.#instances.observe(this.#app);
    const [instances, router] = await Promise.all([
      this.#sessions.observe(seen),
      this.#router.observe(inForce ?? wanted, seen, now),
    ]);
    this.#observed = {
      now,
      instances,
      database: this.#database.observe(wanted.database, now),
      migrations: this.#migrations.observe(wanted),
      router,
      processors: availableParallelism(),
      handOvers,
    };
    return this.#observed;
  }

  async apply(
    step: MachineStep,
    wanted: MachinePrepared,
    inForce: MachinePrepared | undefined,
  ): Promise<void> {
    const current = inForce ?? wanted;
    const seen = this.#observed?.instances ?? [];
    switch (step.kind) {
      case 'start-database':
        return this.#database.start(wanted.database);
      case 'migrate':
        return this.#migrations.run(wanted, step.extent, inForce);
      case 'contract':
        return this.#migrations.runContract(current);
      case 'start-instance':
        return this.#start(step.service, step.ordinal, current);
      case 'retire-instance':
        return this.#instances.retire(step.id, step.leaveBy);
      case 'rejoin-instance':
        return this.#instances.rejoin(step.id);
      case 'stop-instance':
        return this.#stop(step);
      case 'kill-instance':
        return this.#instances.kill(step.id);
      case 'forget-instance':
        return this.#instances.forget(step.id);
      case 'start-router':
        return this.#router.start(current, seen);
      case 'reload-router':
        return this.#router.reload(current, seen);
      case 'renew-certificate':
        return this.#router.renewCertificate(current);
      case 'route-instance':
        return this.#router.route(current, seen, step.id);
      case 'drain-instance':
        return this.#router.drain(step.service, step.id);
      case 'undrain-instance':
        return this.#router.undrain(step.service, step.id);
      case 'unroute-instance':
        return this.#router.unroute(step.service, step.id);
      case 'publish-table':
        return isCopied(step.table)
          ? this.#sessions.publish(step.table, step.reason)
          : this.#router.publish(step.table, step.reason);
      case 'tell-table':
        return this.#sessions.tell(step.service, step.id);
      case 'hand-over':
        return this.#sessions.handOver(step);
    }
  }

  tables(): Readonly<Record<string, OwnerTable>> {
    return this.#tables.all();
  }

  async pinOf(service: string, key: string): Promise<string | undefined> {
    return this.#router.pinOf(service, key);
  }

  async pinsOf(service: string): Promise<Readonly<Record<string, number>>> {
    return this.#router.pinsOf(service);
  }

  history(service: string): readonly TableChange[] {
    return this.#tables.history(service);
  }

  /** Router first, so that nobody is answered by half an application; the database last. */
  async end(progress: (text: string) => void, hurry: AbortSignal): Promise<void> {
    await this.#migrations.close();
    await this.#router.stop(hurry);
    await this.#sessions.release();
    await Promise.all(this.#instances.observe(undefined).map(({ id }) => this.#endInstance(id, hurry)));
    await this.#database.stop(hurry);
    for (const { id } of this.#table.all()) await this.#table.forget(id);
    progress('Everything has ended; the data is kept.');
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#logTimer);
    this.#database.close();
    this.#instances.close();
    await this.#migrations.close();
    await this.#table.close();
  }

  async #start(service: string, ordinal: number, current: MachinePrepared): Promise<void> {
    const { app, environments, templates } = current;
    const { run, stateful } = app.services.find((candidate) => candidate.name === service) ?? {};
    if (run === undefined) return;
    await this.#instances.start({
      service,
      ordinal,
      run,
      env: environments[service] ?? {},
      template: templates[service] ?? '',
      folder: this.#place.folder,
      output: logFile(this.#place.state.logs, `${service}-${ordinal}`),
      handsOver: stateful?.handoff === true,
    });
  }

  /** The router lets go of it before it is told to end, so that no request meets a closed door. */
  async #stop({ id, reason, failure }: Extract<MachineStep, { kind: 'stop-instance' }>): Promise<void> {
    const { service } = this.#instances.record(id);
    await this.#instances.markStopping(id, reason, failure);
    try {
      if (service !== undefined) await this.#router.unroute(service, id);
    } finally {
      await this.#instances.terminate(id);
    }
  }

  async #endInstance(id: string, hurry: AbortSignal): Promise<void> {
    if (!this.#table.isRunning(id)) return;
    const { service } = this.#instances.record(id);
    const within = this.#app?.services.find((candidate) => candidate.name === service)?.stop ?? DEFAULT_STOP;
    await this.#instances.markStopping(id, 'the application was ended');
    await this.#instances.terminate(id);
    const limit = AbortSignal.any([hurry, AbortSignal.timeout(within)]);
    while (this.#table.isRunning(id)) {
      if (limit.aborted) this.#instances.kill(id);
      await sleep(POLL);
    }
  }

  async #boundLogs(): Promise<void> {
    if (this.#boundingLogs) return;
    this.#boundingLogs = true;
    try {
      const size = this.#app?.logs.size;
      if (size === undefined) return;
      const ids = [...this.#table.all().map((record) => record.id), 'controller'];
      for (const id of ids) await boundLog(logFile(this.#place.state.logs, id), size);
    } finally {
      this.#boundingLogs = false;
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
