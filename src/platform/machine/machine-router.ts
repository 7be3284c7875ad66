/**
 * The router on this machine: one HAProxy that runs in `.holdfast/routing`, beside its configuration
 * and maps. Its files are written before the running one is changed, so that one started from them is
 * right at any moment.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../app/defined.ts';
import { OperationError } from '../../app/failure.ts';
import { checkConfig } from '../../routing/check-config.ts';
import {
  haproxyArguments,
  haproxyConfig,
  mapFile,
  ownerMap,
  type RouterSpec,
} from '../../routing/haproxy-config.ts';
import { HaproxyRouter, type ObservedRouter } from '../../routing/haproxy-router.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { RouterUnreachable, RuntimeSocket } from '../../routing/runtime-socket.ts';
import { restartDelay } from '../../scaling/backoff.ts';
import type {
  BackendObservation,
  InstanceObservation,
  RoutedServer,
  RouterObservation,
} from '../observation.ts';
import { requireProgram } from '../programs.ts';
import { writeFileSafely } from './json-file.ts';
import { logFile } from './machine-instances.ts';
import type { MachinePrepared } from './prepared.ts';
import { ROUTER } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { isStateful, routerSpec, routerUrl } from './router-spec.ts';
import type { StateFolder } from './state-folder.ts';
import type { TableFiles } from './table-files.ts';

/** How long requests in flight may go on at an instance that is taken out; ms. */
const REMOVE_GRACE = 1_000;
/** Until then it is no news that HAProxy does not answer yet; ms. */
const LISTENS_WITHIN = 2_000;
/** How long HAProxy may take to end; ms. */
const STOP_TIMEOUT = 3_000;
/** How long a reload may take to be in force; ms. */
const RELOAD_TIMEOUT = 10_000;
/** How long after a signal it is looked whether the reload happened; ms. */
const RELOAD_PAUSE = 200;
/** How long a reload waits for pins to be kept over it; HAProxy needs 5 s after its start. */
const PINS_TIMEOUT = 6_000;
const POLL = 20;

export interface RouterParts {
  readonly table: ProcessTable;
  readonly tables: TableFiles;
  readonly state: StateFolder;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
}

export class MachineRouter {
  readonly #parts: RouterParts;
  readonly #haproxy: HaproxyRouter;
  /** Changes of the files happen one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#haproxy = new HaproxyRouter(new RuntimeSocket(this.#socket('router')));
  }

  async observe(
    prepared: MachinePrepared,
    instances: readonly InstanceObservation[],
    now: number,
  ): Promise<RouterObservation> {
    const record = this.#parts.table.get(ROUTER);
    const url = routerUrl(prepared);
    if (record === undefined) return { state: 'absent', url, failures: 0, backends: {}, since: now };
    const about = { url, failures: record.failures, backends: {}, since: record.startedAt };
    if (this.#parts.table.isRunning(ROUTER))
      return { ...about, ...defined({ pid: record.identity?.pid }), ...(await this.#ask(instances, now)) };
    const waits = now - (record.exitedAt ?? 0) < restartDelay(record.failures);
    return { ...about, state: waits ? 'starting' : 'dead', problem: `HAProxy: ${record.exit ?? 'ended'}` };
  }

  async start(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    if (this.#parts.table.isRunning(ROUTER)) return;
    const config = await this.#writeStructure(prepared, instances);
    await this.#parts.table.start(
      {
        id: ROUTER,
        host: prepared.app.router.host,
        port: prepared.routerPort,
        structure: prepared.structure,
      },
      {
        program: requireProgram('haproxy', this.#parts.searchPath),
        args: haproxyArguments(config),
        env: { PATH: this.#parts.searchPath },
        cwd: this.#parts.state.routing,
        output: logFile(this.#parts.state.logs, ROUTER),
      },
    );
  }

  /** Services or routes have changed: HAProxy takes the new file over without losing a connection. */
  async reload(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    const pinsReady = AbortSignal.timeout(PINS_TIMEOUT);
    while (!pinsReady.aborted && !(await this.#keepsPins())) await sleep(POLL);
    await this.#writeStructure(prepared, instances);
    const limit = AbortSignal.timeout(RELOAD_TIMEOUT);
    while (!(await this.#isInForce(prepared.structure))) {
      if (limit.aborted)
        throw new OperationError(
          `HAProxy has not taken its new configuration over within ${RELOAD_TIMEOUT / 1000} s; see: holdfast logs router`,
        );
      // A master that is busy with its last start loses the signal.
      this.#parts.table.signalLeader(ROUTER, 'SIGUSR2');
      await sleep(RELOAD_PAUSE);
    }
    await this.#parts.table.update(ROUTER, { structure: prepared.structure, port: prepared.routerPort });
  }

  async route(
    prepared: MachinePrepared,
    instances: readonly InstanceObservation[],
    id: string,
  ): Promise<void> {
    const instance = instances.find((candidate) => candidate.id === id);
    if (instance === undefined) return;
    await this.#writeConfig(prepared, instances);
    const stateful = isStateful(prepared.app, instance.service);
    const { host, port, ordinal } = instance;
    await this.#haproxy.addServer(instance.service, { name: id, id: ordinal, host, port, stateful });
  }

  async drain(service: string, id: string): Promise<void> {
    await this.#haproxy.drainServer(service, id);
  }

  async undrain(service: string, id: string): Promise<void> {
    await this.#haproxy.readyServer(service, id);
  }

  /** Takes an instance out: its users are free to follow the table. */
  async unroute(service: string, id: string): Promise<void> {
    if (this.#parts.table.isRunning(ROUTER)) await this.#haproxy.removeServer(service, id, REMOVE_GRACE);
  }

  async publish(table: OwnerTable): Promise<void> {
    await this.#parts.tables.publish(table);
    await this.#writeMap(table);
    await this.#haproxy.publishTable(table);
  }

  async pinOf(service: string, key: string): Promise<string | undefined> {
    return this.#haproxy.pinOf(service, key);
  }

  /** Ends HAProxy at once: what is routed ends as well. By force when it does not listen, or in a hurry. */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#parts.table.signal(ROUTER, 'SIGTERM');
    const limit = AbortSignal.any([hurry, AbortSignal.timeout(STOP_TIMEOUT)]);
    while (this.#parts.table.isRunning(ROUTER)) {
      if (limit.aborted) this.#parts.table.signal(ROUTER, 'SIGKILL');
      await sleep(POLL);
    }
  }

  /** What the running HAProxy says of itself. */
  async #ask(
    instances: readonly InstanceObservation[],
    now: number,
  ): Promise<Pick<RouterObservation, 'state'> & Partial<RouterObservation>> {
    try {
      const found = await this.#haproxy.observe();
      if (this.#parts.table.get(ROUTER)?.readyAt === undefined)
        await this.#parts.table.update(ROUTER, { readyAt: now });
      const backends = await this.#backends(found, instances);
      return { state: 'ready', backends, ...defined({ structure: found.generation }) };
    } catch (error) {
      if (!(error instanceof RouterUnreachable)) throw error;
      const late = now - (this.#parts.table.get(ROUTER)?.startedAt ?? now) > LISTENS_WITHIN;
      return { state: 'starting', ...(late ? { problem: error.message } : {}) };
    }
  }

  /** A HAProxy that has just been started hands no pins over for a while. */
  async #keepsPins(): Promise<boolean> {
    try {
      return await this.#haproxy.pinsSurviveReload();
    } catch (error) {
      if (error instanceof RouterUnreachable) return false;
      throw error;
    }
  }

  async #isInForce(structure: string): Promise<boolean> {
    try {
      return (await this.#haproxy.observe()).generation === structure;
    } catch (error) {
      if (error instanceof RouterUnreachable) return false;
      throw error;
    }
  }

  async #backends(
    found: ObservedRouter,
    instances: readonly InstanceObservation[],
  ): Promise<Record<string, BackendObservation>> {
    const leaving = new Set(instances.filter((i) => i.state === 'leaving').map((i) => i.id));
    const entries = Object.entries(found.backends).map(async ([service, backend]) => {
      const servers = backend.servers.map(async (server): Promise<RoutedServer> => {
        const counted = backend.epoch !== undefined && leaving.has(server.name);
        const pins = counted ? { pins: await this.#haproxy.pinCount(service, server.id) } : {};
        const { name, port, currentSessions: requests } = server;
        return {
          name,
          host: server.address,
          port,
          up: server.up,
          draining: server.admin !== 'ready',
          requests,
          ...pins,
        };
      });
      return [service, { ...backend, servers: await Promise.all(servers) }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** The configuration for the instances that may have requests, as HAProxy would start from it. @returns the file */
  async #writeConfig(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<string> {
    const file = join(this.#parts.state.routing, 'haproxy.cfg');
    const write = this.#writing.then(() =>
      writeFileSafely(file, haproxyConfig(this.#spec(prepared, instances))),
    );
    this.#writing = write.catch(() => undefined);
    await write;
    return file;
  }

  /** Maps and configuration of a structure that HAProxy has not seen yet. @returns the file, checked */
  async #writeStructure(
    prepared: MachinePrepared,
    instances: readonly InstanceObservation[],
  ): Promise<string> {
    for (const service of prepared.app.services.filter((s) => s.stateful !== undefined)) {
      const table = this.#parts.tables.get(service.name);
      await (table === undefined ? this.#writeEmptyMap(service.name) : this.#writeMap(table));
    }
    const file = await this.#writeConfig(prepared, instances);
    await checkConfig(file, requireProgram('haproxy', this.#parts.searchPath));
    return file;
  }

  #spec(prepared: MachinePrepared, instances: readonly InstanceObservation[]): RouterSpec {
    return routerSpec(prepared, instances, { runtime: this.#socket('router'), peer: this.#socket('peer') });
  }

  async #writeMap(table: OwnerTable): Promise<void> {
    await writeFileSafely(join(this.#parts.state.routing, mapFile(table.service)), ownerMap(table));
  }

  async #writeEmptyMap(service: string): Promise<void> {
    await writeFileSafely(join(this.#parts.state.routing, mapFile(service)), 'epoch 0\n');
  }

  #socket(name: string): string {
    return join(this.#parts.state.sockets, `${name}.sock`);
  }
}
