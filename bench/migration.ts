/**
 * A history of migrations on an empty database: `holdfast migrate run`, once with nothing known of it and once with
 * what its shadow told kept, beside the plain `mariadb` client, which knows nothing afterwards, and beside Flyway and
 * Liquibase where they can be had. Whole processes, in turns, on a server that makes every commit durable.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../src/database/connection-url.ts';
import { startMariadb, testAccounts, type TestServer } from '../test/support/mariadb.ts';
import type { Bench } from './bench.ts';
import { median, spread, type Measurement } from './measurement.ts';
import { migrationHistory } from './migration-history.ts';
import { makeMigrationPeers, type MigrationPeer } from './migration-peers.ts';

const FILES = 120;
const TIMES = 5;
/** Times of the plain client. */
const GOALS = { cold: 3, cached: 1.5 } as const;
/** A run that takes longer is ended, and the bench fails; ms. */
const RUN_TIMEOUT_MS = 300_000;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export const migration: Bench = {
  title: `a history of ${FILES} migrations, beside the mariadb client`,
  async run(progress) {
    const server = await startMariadb(testAccounts, ['--innodb-flush-method=fsync']);
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-migration-'));
    const peersFolder = await mkdtemp(join(tmpdir(), 'holdfast-bench-peers-'));
    try {
      const history = migrationHistory(FILES);
      for (const [file, text] of history) await writeFile(join(folder, file), text);
      const peers = await makeMigrationPeers(peersFolder, folder, history).catch((error: unknown) => {
        progress(`without Flyway and Liquibase, which need Maven and a JDK: ${String(error)}`);
        return [];
      });
      const script = [...history.values()].join('');
      const rounds: Round[] = [];
      while (rounds.length < TIMES) {
        const round = await timeRound(server, { folder, script, peers });
        progress(told(round));
        rounds.push(round);
      }
      const besidePeers = peers.map((peer) => measuredBeside(peer, rounds));
      return [measured('cold', rounds), measured('cached', rounds), ...besidePeers];
    } finally {
      await server.close();
      for (const made of [folder, peersFolder]) await rm(made, { recursive: true, force: true });
    }
  },
};

/** Seconds. */
interface Round {
  readonly plain: number;
  readonly cold: number;
  readonly cached: number;
  /** Of peers, by name. */
  readonly peers: ReadonlyMap<string, number>;
}

function told({ plain, cold, cached, peers }: Round): string {
  const times = [['client', plain], ['cold', cold], ['cached', cached], ...peers] as const;
  return times.map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s`).join(', ');
}

interface Work {
  readonly folder: string;
  /** All files of the folder in one. */
  readonly script: string;
  readonly peers: readonly MigrationPeer[];
}

async function timeRound(server: TestServer, { folder, script, peers }: Work): Promise<Round> {
  const caches = await mkdtemp(join(tmpdir(), 'holdfast-bench-cache-'));
  const migrate = [process.execPath, MAIN, 'migrate', 'run', folder];
  const env = { DATABASE_URL: server.urlOf(testAccounts.migrator), XDG_CACHE_HOME: caches };
  const { user, password } = testAccounts.migrator;
  const client = ['mariadb', '--no-defaults', '--host=127.0.0.1', `--port=${server.port}`, `--user=${user}`];
  try {
    return {
      plain: await timeOnEmpty(server, [...client, testAccounts.database], {
        env: { MYSQL_PWD: password },
        input: script,
      }),
      cold: await timeOnEmpty(server, migrate, { env }),
      cached: await timeOnEmpty(server, migrate, { env }),
      peers: await timePeers(server, peers),
    };
  } finally {
    await rm(caches, { recursive: true, force: true });
  }
}

async function timePeers(
  server: TestServer,
  peers: readonly MigrationPeer[],
): Promise<ReadonlyMap<string, number>> {
  const { user, password } = testAccounts.migrator;
  const url = `jdbc:mariadb://127.0.0.1:${server.port}/${testAccounts.database}`;
  const times = new Map<string, number>();
  for (const { name, command } of peers)
    times.set(name, await timeOnEmpty(server, command(url, user), { env: { MYSQL_PWD: password } }));
  return times;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a command on an empty database. @returns its time in seconds @throws with its output when it fails */
async function timeOnEmpty(
  server: TestServer,
  [program = '', ...args]: readonly string[],
  { env, input = '' }: Surroundings,
): Promise<number> {
  const admin = await createConnection(connectionOptions(server.url()));
  await admin.query('CREATE OR REPLACE DATABASE app');
  await admin.end();
  const start = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors}`);
  await requireWhole(server, program);
  return seconds;
}

/** Each six files of the history leave two tables, a view, two routines and a trigger. */
async function requireWhole(server: TestServer, program: string): Promise<void> {
  const admin = await createConnection(connectionOptions(server.url()));
  try {
    const [[made]] = await admin.query<RowDataPacket[]>(
      `SELECT (SELECT COUNT(*) FROM information_schema.TABLES
          WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME REGEXP '^(member|entry|rich)_')
        + (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'app')
        + (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'app') AS objects`,
    );
    if (Number(made?.['objects']) !== FILES) throw new Error(`${program} has not applied all of the history`);
  } finally {
    await admin.end();
  }
}

/** As times of the client's in the same round. */
function measured(kind: 'cold' | 'cached', rounds: readonly Round[]): Measurement {
  const ratios = rounds.map((round) => round[kind] / round.plain);
  const seconds = median(rounds.map((round) => round[kind])).toFixed(2);
  return {
    name: `migration.${kind}`,
    value: median(ratios),
    unit: 'times',
    peer: 1,
    goal: GOALS[kind],
    about: `of the mariadb client's time for the same ${FILES} files, median, ${spread(ratios)}; ${seconds} s`,
  };
}

/** Seconds of a first run, which is to be ahead of the peer's. */
function measuredBeside({ name, title }: MigrationPeer, rounds: readonly Round[]): Measurement {
  const peer = median(rounds.map(({ peers }) => peers.get(name) ?? NaN));
  const cold = rounds.map((round) => round.cold);
  return {
    name: `migration.beside-${name}`,
    value: median(cold),
    unit: 's',
    peer,
    goal: peer,
    about: `of a first run of the same ${FILES} files beside ${title}, called by a Java program, medians, ${spread(cold)}`,
  };
}
