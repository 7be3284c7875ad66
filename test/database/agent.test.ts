/** The agent as a process with a real MariaDB: accounts, crashes of either, and its end. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions, connectionUrl } from '../../src/database/connection-url.ts';
import { databaseAnswers } from '../../src/database/probe.ts';
import { accountsDigest, type AccountFiles } from '../../src/platform/kubernetes/database/account-files.ts';
import { agentStateSchema, type AgentState } from '../../src/platform/kubernetes/database/agent-state.ts';
import { freePort } from '../support/mariadb.ts';
import { startVerb, until, type Verb } from './verb.ts';

const never = new AbortController().signal;
const accounts = {
  holdfast: 'a:@/#\'"',
  'holdfast-migrator': 'm',
  'holdfast-service-login': 'p%\\`é 🔑\n',
};

/** A pod's folders, and the agent in it. */
class Pod {
  readonly folder: string;
  readonly port: number;
  readonly probePort: number;
  agent: Verb | undefined;
  readonly #agents: Verb[] = [];
  #version = 0;

  private constructor(folder: string, port: number, probePort: number) {
    this.folder = folder;
    this.port = port;
    this.probePort = probePort;
  }

  static async create(): Promise<Pod> {
    const pod = new Pod(await mkdtemp(join(tmpdir(), 'holdfast agent-')), await freePort(), await freePort());
    await mkdir(join(pod.folder, 'accounts'));
    await pod.mount(accounts);
    return pod;
  }

  /** Puts files in place as Kubernetes does for a Secret: all at once, by a link. */
  async mount(files: AccountFiles): Promise<void> {
    this.#version += 1;
    const folder = join(this.folder, 'accounts');
    const version = `..version_${this.#version}`;
    await mkdir(join(folder, version));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, version, name), text);
    await symlink(version, join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
  }

  start(env: Readonly<Record<string, string>> = {}): Verb {
    this.agent = startVerb(['agent'], {
      HOLDFAST_DATABASE_NAME: 'app',
      HOLDFAST_DATABASE_MEMORY: '33554432',
      HOLDFAST_ACCOUNTS_FOLDER: join(this.folder, 'accounts'),
      HOLDFAST_DATA: join(this.folder, 'volume'),
      HOLDFAST_FOLDER: join(this.folder, 'scratch'),
      HOLDFAST_DATABASE_PORT: String(this.port),
      HOLDFAST_PROBE_PORT: String(this.probePort),
      ...env,
    });
    this.#agents.push(this.agent);
    return this.agent;
  }

  /** Ends the agent in an orderly way. */
  async stop(): Promise<void> {
    this.agent?.kill('SIGTERM');
    const result = await this.agent?.ended;
    assert.equal(result?.code, 0, this.agent?.output());
  }

  async state(): Promise<AgentState> {
    const answer = await fetch(`http://127.0.0.1:${this.probePort}/state`);
    return agentStateSchema.parse(await answer.json());
  }

  async becomes(what: string, isSo: (state: AgentState) => boolean): Promise<void> {
    await until(
      () => `the agent is ${what}; it says: ${this.agent?.output()}`,
      async () => {
        const state = await this.state().catch(() => undefined);
        return state !== undefined && isSo(state);
      },
    );
  }

  async ready(): Promise<void> {
    await this.becomes('ready', ({ state }) => state === 'ready');
  }

  url(user: string, password: string): string {
    return connectionUrl({ user, password, host: '127.0.0.1', port: this.port, database: 'app' });
  }

  async admits(user: string, password: string): Promise<boolean> {
    return databaseAnswers(this.url(user, password), 5_000, never);
  }

  async query(sql: string): Promise<unknown> {
    return this.with(async (connection) => {
      const [rows] = await connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
      return rows;
    });
  }

  async with<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await createConnection(connectionOptions(this.url('holdfast', accounts.holdfast)));
    try {
      return await work(connection);
    } finally {
      connection.destroy();
    }
  }

  /** The MariaDB servers that run on this pod's data. */
  servers(): number[] {
    return readdirSync('/proc').flatMap((name) => {
      const isOurs =
        /^\d+$/.test(name) && commandOf(name).includes(join(this.folder, 'scratch', 'server.cnf'));
      return isOurs && commandOf(name).includes('mariadbd') ? [Number(name)] : [];
    });
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) await agent[Symbol.asyncDispose]();
    await until(
      () => 'no server is left',
      () => this.servers().length === 0,
    );
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Empty for one that has ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

let pod: Pod;
before(async () => {
  pod = await Pod.create();
  pod.start();
  await pod.ready();
});
after(() => pod.close());

test('it makes the data, lets the accounts in, and tells which are in force', async () => {
  const state = await pod.state();
  assert.deepEqual(state.accounts, { names: Object.keys(accounts).sort(), digest: accountsDigest(accounts) });
  for (const [user, password] of Object.entries(accounts)) assert.ok(await pod.admits(user, password), user);
  assert.equal((await fetch(`http://127.0.0.1:${pod.probePort}/ready`)).status, 200);
  assert.ok((state.volume?.size ?? 0) > (state.volume?.free ?? 0));
  const hosts = (users: string): string =>
    `SELECT DISTINCT Host FROM mysql.global_priv WHERE User ${users} ORDER BY 1`;
  assert.deepEqual(await pod.query(hosts("LIKE 'holdfast-%'")), [['%'], ['localhost']]);
  assert.deepEqual(await pod.query(hosts("= 'holdfast'")), [['127.0.0.1'], ['localhost']]);
});

test('an account is added, changed and removed while the server runs, and connections go on', async () => {
  await pod.query('CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)');
  const login = 'holdfast-service-login';
  const connection = await createConnection(connectionOptions(pod.url(login, accounts[login])));
  const changes: readonly AccountFiles[] = [
    { ...accounts, 'holdfast-service-shop': 's' },
    { ...accounts, 'holdfast-service-shop': 's2', [login]: 'new' },
    accounts,
  ];
  for (const files of changes) {
    await pod.mount(files);
    const digest = accountsDigest(files);
    await pod.becomes('at the new accounts', (state) => state.accounts?.digest === digest);
    for (const [user, password] of Object.entries(files)) assert.ok(await pod.admits(user, password), user);
    await connection.query('INSERT INTO t SELECT IFNULL(MAX(id), 0) + 1 FROM t');
  }
  assert.equal(await pod.admits('holdfast-service-shop', 's2'), false);
  assert.equal(await pod.admits(login, 'new'), false);
  assert.equal((await pod.state()).starts, 1);
  await connection.end();
});

test('the password of the administrator changes too', async () => {
  const files = { ...accounts, holdfast: 'other' };
  for (const [wanted, gone] of [
    [files, accounts],
    [accounts, files],
  ] as const) {
    await pod.mount(wanted);
    const digest = accountsDigest(wanted);
    await pod.becomes('at the new password', (state) => state.accounts?.digest === digest);
    assert.ok(await pod.admits('holdfast', wanted.holdfast));
    assert.equal(await pod.admits('holdfast', gone.holdfast), false);
  }
  await pod.ready();
});

test('accounts that can not be used leave those in force, and it says so', async () => {
  const { holdfast: _, ...rest } = accounts;
  await pod.mount(rest);
  await pod.becomes('complaining', ({ problem }) => problem?.includes('lack one named holdfast') === true);
  assert.ok(await pod.admits('holdfast', accounts.holdfast));
  assert.equal((await fetch(`http://127.0.0.1:${pod.probePort}/ready`)).status, 200);
  await pod.mount(accounts);
  await pod.becomes('content', ({ problem }) => problem === undefined);
});

test('a server that is killed is started again and has every committed row', async () => {
  await pod.query('CREATE OR REPLACE TABLE kept (id INT PRIMARY KEY)');
  await pod.query('INSERT INTO kept VALUES (1), (2)');
  const [server = 0] = pod.servers();
  const { starts } = await pod.state();
  process.kill(server, 'SIGKILL');
  await pod.becomes('told', ({ state, starts: now }) => state === 'failing' || now > starts);
  assert.equal((await fetch(`http://127.0.0.1:${pod.probePort}/live`)).status, 200);
  await pod.becomes('ready again', ({ state, starts: now }) => state === 'ready' && now === starts + 1);
  assert.deepEqual(await pod.query('SELECT COUNT(*) FROM kept'), [[2]]);
});

test('the server dies with a killed agent, and the next agent goes on with the data', async () => {
  await pod.query('CREATE OR REPLACE TABLE kept (id INT PRIMARY KEY)');
  await pod.query('INSERT INTO kept VALUES (1), (2), (3)');
  const [server] = pod.servers();
  pod.agent?.kill('SIGKILL');
  await pod.agent?.ended;
  pod.start();
  await pod.ready();
  const servers = pod.servers();
  assert.equal(servers.length, 1);
  assert.notEqual(servers[0], server);
  assert.deepEqual(await pod.query('SELECT COUNT(*) FROM kept'), [[3]]);
});

test('a second agent waits for the data and takes over when the first has ended', async () => {
  const [server] = pod.servers();
  const first = pod.agent;
  const secondProbe = await freePort();
  const second = pod.start({ HOLDFAST_PROBE_PORT: String(secondProbe) });
  try {
    await until(
      () => 'the second agent is up',
      () =>
        fetch(`http://127.0.0.1:${secondProbe}/live`).then(
          () => true,
          () => false,
        ),
    );
    assert.deepEqual(pod.servers(), [server]);
    first?.kill('SIGTERM');
    assert.equal((await first?.ended)?.code, 0);
    await until(
      () => `the second agent has a server; it says: ${second.output()}`,
      () => second.output().includes('MariaDB answers'),
    );
    assert.equal(pod.servers().length, 1);
    assert.notEqual(pod.servers()[0], server);
  } finally {
    second.kill('SIGTERM');
    assert.equal((await second.ended).code, 0);
  }
  pod.start();
  await pod.ready();
});

test('SIGTERM shuts down cleanly, connections or not, and the next start has nothing to recover', async () => {
  const connection = await createConnection(connectionOptions(pod.url('holdfast', accounts.holdfast)));
  connection.on('error', () => undefined);
  await connection.query('START TRANSACTION');
  await connection.query('CREATE OR REPLACE TABLE kept (id INT PRIMARY KEY)');
  await pod.stop();
  connection.destroy();
  assert.match(pod.agent?.output() ?? '', /Shutdown complete/);
  assert.deepEqual(pod.servers(), []);
  pod.start();
  await pod.ready();
  assert.doesNotMatch(pod.agent?.output() ?? '', /Starting crash recovery/);
});

test('data of a newer MariaDB is left alone, and it says what to do', async () => {
  await pod.stop();
  const mark = join(pod.folder, 'volume', 'mariadb-version');
  const version = readFileSync(mark, 'utf8');
  await writeFile(mark, '99.1.2\n');
  const { code, stderr } = await pod.start().ended;
  assert.equal(code, 2);
  assert.match(stderr, /last used by MariaDB 99\.1\.2.*Use an image with MariaDB 99\.1 or newer/);
  await writeFile(mark, version);
  pod.start();
  await pod.ready();
});

test('damaged data is told in the state, and the agent stays for whoever mends it', async () => {
  await pod.stop();
  const log = join(pod.folder, 'volume', 'data', 'ib_logfile0');
  await rename(log, `${log}.away`);
  pod.start();
  await pod.becomes('failing', ({ state, problem }) => state === 'failing' && /damaged/.test(problem ?? ''));
  await rename(`${log}.away`, log);
  await pod.ready();
});

test('an agent that is told too little says what is missing', async () => {
  await pod.stop();
  const { code, stderr } = await pod.start({ HOLDFAST_DATABASE_NAME: '' }).ended;
  assert.equal(code, 2);
  assert.match(stderr, /HOLDFAST_DATABASE_NAME/);
});
