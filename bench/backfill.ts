/**
 * An expand and a backfill of a large table while the version before works on that very table: `holdfast migrate
 * run` in a process of its own, on a server that makes every commit durable. The same load without a migration, just
 * before it and on the same rows, is what it is compared with.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConnection, createPool, type Pool, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../src/database/connection-url.ts';
import { startMariadb, testAccounts, type TestServer } from '../test/support/mariadb.ts';
import type { Bench } from './bench.ts';
import { format, type Measurement } from './measurement.ts';
import { SteadyWork, type Piece } from './steady-work.ts';

const ROWS = 5_000_000;
const ROWS_AT_ONCE = 250_000;
const PER_SECOND = 500;
const CONNECTIONS = 10;
/** How long the load runs alone, and before that until everything is warm; s. */
const ALONE_S = 30;
const WARM_UP_S = 10;
/** How often it is told how far things are; ms. */
const TELL_MS = 30_000;
/** A migration that takes longer is ended, and the bench fails; ms. */
const RUN_TIMEOUT_MS = 3_600_000;
/** What the slowest hundredth may take with the migration: twice as long as without it, or this; ms. */
const GOAL_MS = 50;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

const TABLE = `CREATE TABLE member (
  id BIGINT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(80) NOT NULL, balance BIGINT NOT NULL,
  changed DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6));
`;
const MIGRATION = {
  'V2__expand.sql': 'ALTER TABLE member ADD COLUMN cents BIGINT NOT NULL DEFAULT 0;\n',
  'V3__fill.sql': `-- holdfast: backfill member by id
UPDATE member SET cents = balance * 100 WHERE id BETWEEN @chunk_first AND @chunk_last;
`,
};

export const backfill: Bench = {
  title: `an expand and a backfill of ${ROWS / 1e6} million rows under ${PER_SECOND} requests a second`,
  async run(progress) {
    const server = await startMariadb(testAccounts, [
      '--innodb-flush-method=fsync',
      '--innodb-buffer-pool-size=1G',
      '--innodb-log-file-size=512M',
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-backfill-'));
    const pool = createPool({
      ...connectionOptions(server.url()),
      connectionLimit: CONNECTIONS,
      maxIdle: CONNECTIONS,
    });
    try {
      await writeFile(join(folder, 'V1__member.sql'), TABLE);
      await migrate(server, folder);
      await fill(server);
      progress(`${ROWS} rows are there`);
      for (const [file, text] of Object.entries(MIGRATION)) await writeFile(join(folder, file), text);
      return await measure(server, { folder, pool, progress });
    } finally {
      await pool.end();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

interface Scene {
  readonly folder: string;
  readonly pool: Pool;
  readonly progress: (text: string) => void;
}

async function measure(server: TestServer, { folder, pool, progress }: Scene): Promise<Measurement[]> {
  const work = new SteadyWork(() => request(pool), PER_SECOND);
  let pieces: Piece[] = [];
  const tell = setInterval(() => {
    const taken = work.take();
    pieces = [...pieces, ...taken];
    progress(`p99 ${format(p99(taken))} ms, ${failures(taken)} failed`);
  }, TELL_MS);
  try {
    await delay(WARM_UP_S * 1_000);
    work.take();
    await delay(ALONE_S * 1_000);
    const alone = [...pieces, ...work.take()];
    pieces = [];
    const begun = performance.now();
    await migrate(server, folder);
    const seconds = (performance.now() - begun) / 1_000;
    const during = [...pieces, ...work.take()];
    await requireWhole(server);
    return report(alone, during, seconds);
  } finally {
    clearInterval(tell);
    await work.end();
  }
}

function report(alone: readonly Piece[], during: readonly Piece[], seconds: number): Measurement[] {
  const before = p99(alone);
  const failed = failures(during);
  const first = during.find(({ error }) => error !== undefined)?.error;
  return [
    {
      name: 'backfill.p99',
      value: p99(during),
      unit: 'ms',
      peer: before,
      goal: Math.max(2 * before, GOAL_MS),
      about: `of ${during.length} requests beside a migration of ${ROWS} rows; the peer is the same load without it`,
    },
    {
      name: 'backfill.failed',
      value: failed,
      unit: 'requests',
      goal: 0,
      about: `of ${during.length}${first === undefined ? '' : `, such as ${first}`}`,
    },
    {
      name: 'backfill.time',
      value: seconds,
      unit: 's',
      about: `${format(ROWS / seconds)} rows a second`,
    },
  ];
}

/** What the version before does: most requests read a member, some pay from one to another. */
async function request(pool: Pool): Promise<void> {
  const [one, other] = [member(), member()].toSorted((a, b) => a - b);
  if (Math.random() < 0.7) {
    await pool.query('SELECT name, email, balance FROM member WHERE id = ?', [one]);
    return;
  }
  const connection = await pool.getConnection();
  try {
    await connection.query('START TRANSACTION');
    await connection.query('UPDATE member SET balance = balance - 1 WHERE id = ?', [one]);
    await connection.query('UPDATE member SET balance = balance + 1 WHERE id = ?', [other]);
    await connection.query('COMMIT');
  } catch (error) {
    await connection.query('ROLLBACK');
    throw error;
  } finally {
    connection.release();
  }
}

function member(): number {
  return 1 + Math.floor(Math.random() * ROWS);
}

async function fill(server: TestServer): Promise<void> {
  const admin = await createConnection(connectionOptions(server.url()));
  try {
    for (let first = 1; first <= ROWS; first += ROWS_AT_ONCE)
      await admin.query(
        `INSERT INTO member (id, name, email, balance)
         SELECT seq, CONCAT('member ', seq), CONCAT(seq, '@example.org'), 1000 + seq MOD 1000
         FROM seq_${first}_to_${Math.min(ROWS, first + ROWS_AT_ONCE - 1)}`,
      );
    await admin.query('ANALYZE TABLE member');
  } finally {
    await admin.end();
  }
}

/** @throws with what it has written when it fails */
async function migrate(server: TestServer, folder: string): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: server.urlOf(testAccounts.migrator) };
  const child = spawn(process.execPath, [MAIN, 'migrate', 'run', folder], {
    env: { ...env, XDG_CACHE_HOME: join(folder, '.cache') },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the migration ended with ${code}: ${errors}`);
}

/** Balances go on changing: what is known is that every member has had one that is a hundredth. */
async function requireWhole(server: TestServer): Promise<void> {
  const admin = await createConnection(connectionOptions(server.url()));
  try {
    const [[found]] = await admin.query<RowDataPacket[]>(
      'SELECT COUNT(*) AS number FROM member WHERE ABS(cents - balance * 100) <= 100 * 100',
    );
    if (Number(found?.['number']) !== ROWS) throw new Error('not every row has been filled');
  } finally {
    await admin.end();
  }
}

function p99(pieces: readonly Piece[]): number {
  const sorted = pieces.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.99 * sorted.length) - 1] ?? NaN;
}

function failures(pieces: readonly Piece[]): number {
  return pieces.filter(({ error }) => error !== undefined).length;
}
