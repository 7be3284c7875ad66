/**
 * A plain Galera cluster of MariaDB servers on this machine's loopback. The first node has the accounts
 * of a test; the others copy it by rsync, as a node does that joins.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions, connectionUrl } from '../../src/database/connection-url.ts';
import { requireProgram } from '../../src/platform/programs.ts';
import { freePort, startMariadb, testAccounts } from '../support/mariadb.ts';

export interface GaleraCluster extends AsyncDisposable {
  /** URLs of the application's database for the migrator, one for each node. */
  readonly urls: readonly string[];
  /** The same for the administrator. */
  readonly adminUrls: readonly string[];
  /** Ends a node by SIGKILL. Those that are left go on only if the last one is among them: it has the most weight. */
  kill(node: number): Promise<void>;
  /** Starts a node that was killed, with a new copy of the data; synced when this resolves. */
  start(node: number): Promise<void>;
}

const nobody = 65_534;
const provider = '/usr/lib/galera/libgalera_smm.so';
const startTimeoutMs = 60_000;

/** Starts `count` nodes; all are synced when this resolves. */
export async function startGalera(count: number): Promise<GaleraCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-galera-'));
  const children = new Map<number, ChildProcess>();
  const end = async (child: ChildProcess | undefined): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const dispose = async (): Promise<void> => {
    await Promise.all([...children.values()].map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await makeData(folder, count);
    const ports = await Promise.all(Array.from({ length: 4 * count }, freePort));
    const members = ports.slice(0, count);
    const urlOf = (node: number, account: { user: string; password: string }): string =>
      connectionUrl({ ...account, host: '127.0.0.1', port: ports[count + node] ?? 0, database: 'app' });
    const nodes = [...members.keys()];
    const adminUrls = nodes.map((node) => urlOf(node, testAccounts.admin));
    const start = async (node: number, isFirst: boolean, size: number): Promise<void> => {
      const data = join(folder, String(node));
      const [group = 0, sql = 0, transfer = 0, copy = 0] = [0, 1, 2, 3].map(
        (use) => ports[use * count + node],
      );
      const weight = node === count - 1 ? count : 1;
      children.set(
        node,
        startNode(nodeArguments(data, { members, group, sql, transfer, copy, isFirst, weight })),
      );
      await synced(adminUrls[node] ?? '', { size, log: join(data, 'error.log') });
    };
    for (const node of nodes) await start(node, node === 0, node + 1);
    return {
      urls: nodes.map((node) => urlOf(node, testAccounts.migrator)),
      adminUrls,
      kill: (node) => end(children.get(node)),
      start: async (node) => {
        await makeEmpty(join(folder, String(node)));
        await start(node, false, count);
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * The first node gets the data of a plain server with a test's accounts, the others an empty folder, of
 * the user that rsync becomes when root runs it.
 */
async function makeData(folder: string, count: number): Promise<void> {
  await chmod(folder, 0o755);
  const plain = await startMariadb();
  try {
    await plain.stop();
    await cp(plain.configuration.paths.data, join(folder, '0'), { recursive: true });
  } finally {
    await plain.close();
  }
  for (let node = 1; node < count; node += 1) await makeEmpty(join(folder, String(node)));
}

async function makeEmpty(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  if (process.getuid?.() === 0) await chown(folder, nobody, nobody);
}

interface Node {
  readonly members: readonly number[];
  readonly group: number;
  readonly sql: number;
  readonly transfer: number;
  readonly copy: number;
  readonly isFirst: boolean;
  readonly weight: number;
}

function nodeArguments(
  data: string,
  { members, group, sql, transfer, copy, isFirst, weight }: Node,
): string[] {
  const others = members.map((port) => `127.0.0.1:${port}`).join(',');
  const provided = {
    base_port: group,
    'gmcast.listen_addr': `tcp://127.0.0.1:${group}`,
    'ist.recv_addr': `127.0.0.1:${transfer}`,
    'gcache.size': '16M',
    'pc.weight': weight,
  };
  return [
    '--no-defaults',
    `--datadir=${data}`,
    // In a folder that servers share, one that starts removes the temporary files of the others.
    `--tmpdir=${dirname(data)}`,
    `--socket=${join(data, 's')}`,
    `--pid-file=${join(data, 'pid')}`,
    `--log-error=${join(data, 'error.log')}`,
    `--port=${sql}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--innodb-buffer-pool-size=32M',
    '--innodb-flush-method=nosync',
    '--innodb-flush-log-at-trx-commit=0',
    '--binlog-format=ROW',
    '--log-bin-trust-function-creators=ON',
    '--innodb-autoinc-lock-mode=2',
    '--performance-schema=OFF',
    '--wsrep-on=ON',
    `--wsrep-provider=${provider}`,
    `--wsrep-cluster-address=gcomm://${isFirst ? '' : others}`,
    `--wsrep-node-address=127.0.0.1:${group}`,
    `--wsrep-provider-options=${Object.entries(provided)
      .map(([name, value]) => `${name}=${value}`)
      .join(';')}`,
    '--wsrep-sst-method=rsync',
    `--wsrep-sst-receive-address=127.0.0.1:${copy}`,
    ...(isFirst ? ['--wsrep-new-cluster'] : []),
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
}

function startNode(args: readonly string[]): ChildProcess {
  const program = requireProgram('mariadbd', process.env['PATH'] ?? '');
  return spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: 'ignore' });
}

/** Waits until the node works in a cluster of `size`. */
async function synced(url: string, { size, log }: { size: number; log: string }): Promise<void> {
  const giveUp = AbortSignal.timeout(startTimeoutMs);
  for (;;) {
    const state = await stateOf(url);
    if (state === `Synced ${size}`) return;
    if (giveUp.aborted) throw new Error(`no node: ${state}\n${await readFile(log, 'utf8')}`);
    await delay(50);
  }
}

async function stateOf(url: string): Promise<string> {
  try {
    const connection = await createConnection(connectionOptions(url));
    try {
      const [rows] = await connection.query<RowDataPacket[]>(
        "SHOW STATUS WHERE Variable_name IN ('wsrep_local_state_comment', 'wsrep_cluster_size')",
      );
      const values = new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]));
      return `${values.get('wsrep_local_state_comment') ?? ''} ${values.get('wsrep_cluster_size') ?? ''}`;
    } finally {
      connection.destroy();
    }
  } catch (error) {
    return String(error);
  }
}
