/** The instances of all services as child processes of this machine. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { defined } from '../../app/defined.ts';
import type { App, Health } from '../../app/model.ts';
import { OperationError } from '../../app/failure.ts';
import type { InstanceObservation } from '../observation.ts';
import { HealthWatch } from './health-watch.ts';
import { observeInstance } from './instance-state.ts';
import { choosePort } from './ports.ts';
import type { ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { shellCommand } from './shell-command.ts';

/** What one instance is started from. */
export interface InstanceSpec {
  readonly service: string;
  readonly ordinal: number;
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
  readonly template: string;
  readonly folder: string;
  readonly output: string;
  /** It hands sessions over, and gets a port for that. */
  readonly handsOver: boolean;
}

const HOST = '127.0.0.1';

export class MachineInstances {
  readonly #table: ProcessTable;
  readonly #scope: string;
  readonly #onChange: () => void;
  readonly #watches = new Map<string, { mark: string; watch: HealthWatch }>();
  /** Ports given out whose records are not there yet. */
  readonly #promised = new Set<number>();

  constructor(table: ProcessTable, scope: string, onChange: () => void) {
    this.#table = table;
    this.#scope = scope;
    this.#onChange = onChange;
  }

  /** All instances, with the health of those whose service `app` names. */
  observe(app: App | undefined): InstanceObservation[] {
    const records = this.#table.all().filter((record) => record.service !== undefined);
    const health = new Map(app?.services.map((service) => [service.name, service.health]));
    this.#endWatches(records);
    return records.map((record) =>
      observeInstance(record, this.#health(record, health.get(record.service ?? ''))),
    );
  }

  async start(spec: InstanceSpec): Promise<void> {
    const id = `${spec.service}-${spec.ordinal}`;
    if (this.#table.isRunning(id)) return;
    const port = await this.#choosePort(id);
    const sessionPort = spec.handsOver ? await this.#choosePort(`${id} sessions`) : undefined;
    try {
      const { program, args } = shellCommand(spec.run);
      const session = sessionPort === undefined ? {} : { HOLDFAST_SESSION_PORT: String(sessionPort) };
      const given = { PORT: String(port), HOST, INSTANCE: id, ...session };
      const { service, ordinal, template } = spec;
      await this.#table.start(
        { id, host: HOST, port, service, ordinal, template, ...defined({ sessionPort }) },
        { program, args, env: { ...spec.env, ...given }, cwd: spec.folder, output: spec.output },
      );
    } finally {
      this.#promised.delete(port);
      if (sessionPort !== undefined) this.#promised.delete(sessionPort);
    }
  }

  async retire(id: string, leaveBy: number): Promise<void> {
    await this.#table.update(id, { leavingSince: Date.now(), leaveBy });
  }

  async rejoin(id: string): Promise<void> {
    await this.#table.update(id, { leavingSince: undefined, leaveBy: undefined });
  }

  /** Notes that it is to end, before anybody acts on that. */
  async markStopping(id: string, reason: string, failed = false): Promise<void> {
    await this.#table.update(id, { stoppingSince: Date.now(), stopReason: reason, failed });
  }

  async terminate(id: string): Promise<void> {
    this.#table.signal(id, 'SIGTERM');
    await this.#table.update(id, { signalledAt: Date.now() });
  }

  kill(id: string): void {
    this.#table.signal(id, 'SIGKILL');
  }

  async forget(id: string): Promise<void> {
    await this.#table.forget(id);
  }

  /** The record of an instance. @throws OperationError when there is none. */
  record(id: string): ProcessRecord {
    const record = this.#table.get(id);
    if (record === undefined) throw new OperationError(`there is no instance ${id}`);
    return record;
  }

  close(): void {
    for (const { watch } of this.#watches.values()) watch.stop();
    this.#watches.clear();
  }

  async #choosePort(id: string): Promise<number> {
    const reserved = new Set([
      ...this.#table.all().flatMap(({ port, sessionPort = port }) => [port, sessionPort]),
      ...this.#promised,
    ]);
    const spread = createHash('sha256').update(`${this.#scope}/${id}`).digest().readUInt32BE();
    const port = await choosePort(HOST, reserved, spread);
    // Another start may have chosen the same one while this one waited.
    if (this.#promised.has(port)) return this.#choosePort(id);
    this.#promised.add(port);
    return port;
  }

  #health(record: ProcessRecord, health: Health | undefined): HealthWatch['report'] | undefined {
    if (record.exitedAt !== undefined || health === undefined) return undefined;
    const known = this.#watches.get(record.id);
    if (known?.mark === record.mark) return known.watch.report;
    const watch = new HealthWatch(record, health, () => void this.#changed(record));
    this.#watches.set(record.id, { mark: record.mark, watch });
    return watch.report;
  }

  async #changed({ id, mark }: ProcessRecord): Promise<void> {
    const record = this.#table.get(id);
    const ready = this.#watches.get(id)?.watch.report.ready === true;
    if (record?.mark === mark && ready && record.readyAt === undefined)
      await this.#table.update(id, { readyAt: Date.now() });
    this.#onChange();
  }

  #endWatches(records: readonly ProcessRecord[]): void {
    const living = new Set(records.filter((r) => r.exitedAt === undefined).map((r) => r.mark));
    for (const [id, { mark, watch }] of this.#watches) {
      if (living.has(mark)) continue;
      watch.stop();
      this.#watches.delete(id);
    }
  }
}

/** Where an instance's or a part's output is kept. */
export function logFile(logs: string, id: string): string {
  return join(logs, `${id}.log`);
}
