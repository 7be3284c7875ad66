/**
 * The data planes that the bench of routing compares, running, each in a folder of its own. A peer that is not
 * installed is left out. Disposing of them ends them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { RouterFiles } from '../src/routing/router-files.ts';
import { alike } from '../src/routing/tables/member.ts';
import { steadyTable } from '../src/routing/tables/steady.ts';
import { eventually } from './condition.ts';
import { Haproxy, routerSockets, runtimeSocket } from './haproxy.ts';
import { childrenOf, cpuSeconds } from './process-cost.ts';
import { HOST, roundRobinConfig, type PlaneSpec } from './router-layout.ts';
import { envoyConfig, instanceName, nginxConfig, ownersConfig, SERVICE } from './routing-layout.ts';

/** A running router. */
export interface Plane {
  readonly name: PlaneName;
  readonly port: number;
  /** CPU time so far, of all that carries requests; seconds. */
  cpu(): number;
}

export type PlaneName = 'round robin' | 'table' | 'pins' | 'nginx' | 'envoy ring' | 'envoy maglev';

/** Starts a plane in a folder of its own. */
export type StartPlane = (spec: PlaneSpec, folder: string, resources: AsyncDisposableStack) => Promise<Plane>;

/** What is there to compare on this machine. */
export function planesHere(searchPath: string): StartPlane[] {
  const [nginx, envoy] = [findPeer('nginx', searchPath), findPeer('envoy', searchPath)];
  return [
    roundRobin,
    owners('table', false),
    owners('pins', true),
    ...(nginx === undefined ? [] : [startNginx(nginx)]),
    ...(envoy === undefined ? [] : [startEnvoy(envoy, 'RING_HASH'), startEnvoy(envoy, 'MAGLEV')]),
  ];
}

const roundRobin: StartPlane = async (spec, folder, resources) => {
  const config = roundRobinConfig(spec, runtimeSocket(folder));
  const haproxy = resources.use(await Haproxy.start(folder, config));
  return { name: 'round robin', port: spec.port, cpu: () => haproxy.cpu };
};

function owners(name: PlaneName, pins: boolean): StartPlane {
  return async (spec, folder, resources) => {
    const files = new RouterFiles(folder);
    await files.writeScripts();
    const names = spec.instances.map((_, index) => instanceName(index));
    await files.writeMap(SERVICE, steadyTable(undefined, SERVICE, alike(names)));
    const sockets = routerSockets(folder);
    const haproxy = resources.use(await Haproxy.start(folder, ownersConfig(spec, sockets, pins)));
    return { name, port: spec.port, cpu: () => haproxy.cpu };
  };
}

function startNginx(program: string): StartPlane {
  return async (spec, folder, resources) => {
    const file = join(folder, 'nginx.conf');
    await writeFile(file, nginxConfig(spec));
    const pid = start(program, ['-p', folder, '-c', file], resources);
    await answers(spec.port);
    const [worker = pid] = childrenOf(pid);
    return { name: 'nginx', port: spec.port, cpu: () => cpuSeconds(worker) };
  };
}

function startEnvoy(program: string, policy: 'RING_HASH' | 'MAGLEV'): StartPlane {
  return async (spec, folder, resources) => {
    const file = join(folder, 'envoy.yaml');
    await writeFile(file, envoyConfig(spec, policy));
    const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'off'];
    const pid = start(program, args, resources);
    await answers(spec.port);
    const name = policy === 'MAGLEV' ? 'envoy maglev' : 'envoy ring';
    return { name, port: spec.port, cpu: () => cpuSeconds(pid) };
  };
}

function start(program: string, args: readonly string[], resources: AsyncDisposableStack): number {
  const child = spawn(program, args, { stdio: 'ignore' });
  resources.defer(async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
  if (child.pid === undefined) throw new Error(`${program} does not start`);
  return child.pid;
}

async function answers(port: number): Promise<void> {
  await eventually(`port ${port} answers`, async () => {
    const socket = connect(port, HOST);
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return isOpen || undefined;
  });
}

/** A folder that exists. */
export async function folderIn(parent: string, name: string): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder);
  return folder;
}

function findPeer(name: string, searchPath: string): string | undefined {
  const folders = [...searchPath.split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}
