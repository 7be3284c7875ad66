/**
 * The router on this machine: one HAProxy that runs in `.holdfast/routing`, beside its configuration
 * and maps. Its files are written before the running one is changed, so that one started from them is
 * right at any moment.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../app/defined.ts';
import { UserError } from '../../app/failure.ts';
import { expiryWarning } from '../../routing/certificate.ts';
import { checkConfig } from '../../routing/check-config.ts';
import { haproxyArguments, haproxyConfig } from '../../routing/haproxy-config.ts';
import { HaproxyRouter, type ObservedRouter } from '../../routing/haproxy-router.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { reloadInto, untilPinsSurvive } from '../../routing/reload.ts';
import { renewCertificate } from '../../routing/renew-certificate.ts';
import { RouterFiles } from '../../routing/router-files.ts';
import type { RouterSpec } from '../../routing/router-spec.ts';
import { RouterUnreachable, RuntimeSocket } from '../../routing/runtime-socket.ts';
import { restartDelay } from '../../scaling/backoff.ts';
import type {
  BackendObservation,
  InstanceObservation,
  RoutedServer,
  RouterObservation,
} from '../observation.ts';
import { PreparationOutdated } from '../platform.ts';
import { requireProgram } from '../programs.ts';
import { machineCertificate } from './machine-certificate.ts';
import { logFile } from './machine-instances.ts';
import type { MachinePrepared } from './prepared.ts';
import { ROUTER, type ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { isStateful, routerSpec, routerUrl } from './router-spec.ts';
import type { StateFolder } from './state-folder.ts';
import { endedUnheard, takenPort } from './taken-port.ts';
import type { TableFiles } from './table-files.ts';

/** How long requests in flight may go on at an instance that is taken out; ms. */
const REMOVE_GRACE = 1_000;
/** Until then it is no news that HAProxy does not answer yet; ms. */
const LISTENS_WITHIN = 2_000;
/** Deaths in a row after which it is called failed. */
const FAILED_AFTER = 2;
/** How long HAProxy may take to end; ms. */
const STOP_TIMEOUT = 3_000;
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
  readonly #files: RouterFiles;
  /** The one that HAProxy was told last; another controller may have told it before. */
  #certificate: string | undefined;
  /** Why the last one that ended did, by its mark. */
  #ended: { readonly mark: string; readonly why: string } | undefined;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#files = new RouterFiles(parts.state.routing);
    this.#haproxy = new HaproxyRouter(new RuntimeSocket(this.#socket('router')));
  }

  async observe(
    prepared: MachinePrepared,
    instances: readonly InstanceObservation[],
    now: number,
  ): Promise<RouterObservation> {
    const record = this.#parts.table.get(ROUTER);
    const url = routerUrl(prepared);
    if (record === undefined) return { state: 'absent', url, backends: {}, since: now };
    const about = { url, backends: {}, since: record.startedAt };
    if (this.#parts.table.isRunning(ROUTER))
      return {
        ...about,
        ...defined({ pid: record.identity?.pid }),
        ...(await this.#certificateState(prepared, now)),
        ...(await this.#ask(instances, now)),
      };
    const problem = await this.#whyEnded(prepared, record);
    if (now - (record.exitedAt ?? 0) >= restartDelay(record.failures))
      return { ...about, state: 'absent', problem };
    return { ...about, state: record.failures >= FAILED_AFTER ? 'failed' : 'starting', problem };
  }

  async start(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    if (this.#parts.table.isRunning(ROUTER)) return;
    await this.#requireChosenPorts(prepared);
    await this.#writeStructure(prepared, instances);
    await this.#parts.table.start(
      {
        id: ROUTER,
        host: prepared.app.router.host,
        port: prepared.routerPort,
        structure: prepared.structure,
        ...defined({ tlsPort: prepared.tlsPort }),
      },
      {
        program: requireProgram('haproxy', this.#parts.searchPath),
        args: haproxyArguments(this.#files.config),
        env: { PATH: this.#parts.searchPath },
        cwd: this.#parts.state.routing,
        output: logFile(this.#parts.state.logs, ROUTER),
      },
    );
  }

  /** Services or routes have changed: HAProxy takes the new file over without losing a connection. */
  async reload(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    await untilPinsSurvive(this.#haproxy);
    await this.#writeStructure(prepared, instances);
    await reloadInto(this.#haproxy, prepared.structure, () =>
      this.#parts.table.signalLeader(ROUTER, 'SIGUSR2'),
    );
    const { structure, routerPort: port, tlsPort } = prepared;
    await this.#parts.table.update(ROUTER, { structure, port, tlsPort });
  }

  /** No connection is lost. @throws UserError when the certificate has become unusable meanwhile */
  async renewCertificate({ app }: MachinePrepared): Promise<void> {
    const certificate = await machineCertificate(this.#parts.state, app);
    if (certificate === undefined) return;
    await renewCertificate({ files: this.#files, haproxy: this.#haproxy }, certificate.pem);
    this.#certificate = certificate.pem;
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

  /** @param reason in a few words, for people */
  async publish(table: OwnerTable, reason: string): Promise<void> {
    await this.#parts.tables.publish(table, reason);
    await this.follow(table);
  }

  /** Works by a table that is published, from now on or from its start on. */
  async follow(table: OwnerTable): Promise<void> {
    await this.#files.writeMap(table.service, table);
    if (this.#parts.table.isRunning(ROUTER)) await this.#haproxy.publishTable(table);
  }

  async pinOf(service: string, key: string): Promise<string | undefined> {
    return this.#haproxy.pinOf(service, key);
  }

  /** How many users are pinned, by instance. */
  async pinsOf(service: string): Promise<Record<string, number>> {
    const { backends } = await this.#haproxy.observe();
    const counts = (backends[service]?.servers ?? []).map(
      async ({ name, id }) => [name, await this.#haproxy.pinCount(service, id)] as const,
    );
    return Object.fromEntries(await Promise.all(counts));
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

  /** Ports that nobody insists on are chosen anew when somebody else has got them before HAProxy did. */
  async #requireChosenPorts({ app, routerPort, tlsPort }: MachinePrepared): Promise<void> {
    if (!endedUnheard(this.#parts.table.get(ROUTER))) return;
    const { host, port, tls } = app.router;
    const chosen = [
      ...(port === 0 ? [routerPort] : []),
      ...(tls?.port === 0 && tlsPort !== undefined ? [tlsPort] : []),
    ];
    const taken = await takenPort(host, chosen);
    if (taken !== undefined) throw new PreparationOutdated(`${taken}; the router gets another one`);
  }

  async #whyEnded({ app }: MachinePrepared, record: ProcessRecord): Promise<string> {
    if (this.#ended?.mark === record.mark) return this.#ended.why;
    const { exit = 'ended', port, tlsPort } = record;
    const ports = [port, ...(tlsPort === undefined ? [] : [tlsPort])];
    const taken = endedUnheard(record) ? await takenPort(app.router.host, ports) : undefined;
    const why = `HAProxy: ${exit}${taken === undefined ? '' : `, ${taken}`}`;
    this.#ended = { mark: record.mark, why };
    return why;
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

  /** The configuration for the instances that may have requests, as HAProxy would start from it. */
  async #writeConfig(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    await this.#files.writeConfig(haproxyConfig(this.#spec(prepared, instances)));
  }

  /** What the user is to know of the certificate, and whether there is a new one. One that can't be used is never taken. */
  async #certificateState(
    { app }: MachinePrepared,
    now: number,
  ): Promise<Pick<RouterObservation, 'problem' | 'hasNewCertificate'>> {
    try {
      const certificate = await machineCertificate(this.#parts.state, app);
      if (certificate === undefined) return {};
      if (certificate.pem !== this.#certificate) return { hasNewCertificate: true };
      return defined({ problem: expiryWarning(certificate, now) });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { problem: `${error.message}. The router keeps the certificate that it has.` };
    }
  }

  /** Script, maps and configuration of a structure that HAProxy has not seen yet; HAProxy accepts it. */
  async #writeStructure(prepared: MachinePrepared, instances: readonly InstanceObservation[]): Promise<void> {
    await this.#files.writeScripts();
    const certificate = await machineCertificate(this.#parts.state, prepared.app);
    if (certificate !== undefined) await this.#files.writeCertificate(certificate.pem);
    this.#certificate = certificate?.pem;
    for (const { name, stateful } of prepared.app.services) {
      if (stateful !== undefined) await this.#files.writeMap(name, this.#parts.tables.get(name));
    }
    const program = requireProgram('haproxy', this.#parts.searchPath);
    await this.#files.writeConfig(haproxyConfig(this.#spec(prepared, instances)), (file) =>
      checkConfig(file, program),
    );
  }

  #spec(prepared: MachinePrepared, instances: readonly InstanceObservation[]): RouterSpec {
    const [runtime, peer, next] = [this.#socket('router'), this.#socket('peer'), this.#socket('next')];
    return routerSpec(prepared, instances, { runtime, peer, next });
  }

  #socket(name: string): string {
    return join(this.#parts.state.sockets, `${name}.sock`);
  }
}
