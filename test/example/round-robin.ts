/** A plain HAProxy before the same instances, as somebody without Holdfast would write it: no user stays anywhere. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, haproxyBinary, HOST } from '../support/haproxy.ts';

export interface RoundRobin extends AsyncDisposable {
  readonly url: string;
}

/** @param addresses the instances of each service, as HOST:PORT */
export async function roundRobin(addresses: {
  readonly login: readonly string[];
  readonly community: readonly string[];
}): Promise<RoundRobin> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-round-robin-'));
  const port = await freePort();
  const url = `http://${HOST}:${port}`;
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, configuration(port, addresses));
  const child = spawn(await haproxyBinary(), ['-f', file], { cwd: folder, stdio: 'ignore' });
  const end = async (): Promise<void> => {
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true });
  };
  try {
    await eventually('it answers', async () => (await fetch(url).catch(() => undefined))?.ok === true);
  } catch (error) {
    await end();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: end };
}

function configuration(port: number, backends: Readonly<Record<string, readonly string[]>>): string {
  const backend = ([name, addresses]: [string, readonly string[]]): string[] => [
    `backend ${name}`,
    '  balance roundrobin',
    ...addresses.map((address, index) => `  server s${index} ${address}`),
  ];
  return [
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 1m',
    '  timeout server 1m',
    'frontend in',
    `  bind ${HOST}:${port}`,
    '  use_backend login if { path_beg /login }',
    '  default_backend community',
    ...Object.entries(backends).flatMap(backend),
    '',
  ].join('\n');
}
