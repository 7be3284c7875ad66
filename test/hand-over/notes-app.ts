/** The notes service on a machine, under load; and what must hold of it after everything. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/controller/status.ts';
import { statusWhen } from '../machine-services/support.ts';
import { runTwice } from '../session/support/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { NoteLoad } from './note-load.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../session/fixtures/${name}.ts`, import.meta.url));

/** Longer than any pause of a user and the longest time for which nobody can be served. */
const SERVED_WITHIN_MS = 60_000;

export interface SceneOptions {
  readonly users: number;
  /** Pause of a user between two requests; ms. */
  readonly think: number;
  readonly handoff?: boolean;
  /** A file of the fixtures of `test/session`; by default the one without a fault. */
  readonly service?: string;
  /** Of the service. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running application and its users; ends by disposing. */
export interface Scene extends AsyncDisposable {
  readonly app: AppFolder;
  readonly load: NoteLoad;
}

function file({ handoff = true, service = 'notes', env = {} }: SceneOptions): string {
  const values = Object.entries(env).map(([name, value]) => [name, { value }]);
  return `name: notes
services:
  notes:
    run: ${JSON.stringify(`node ${fixture(service)}`)}
    env: ${JSON.stringify(Object.fromEntries(values))}
    health: { ready: /ready }
    stateful: { key: { header: x-user }, handoff: ${handoff}, drain: 30s }
    instances: { min: 2, max: 4 }
`;
}

/** Two instances, and users each of whom has a session. */
export async function underLoad(options: SceneOptions): Promise<Scene> {
  const { users, think } = options;
  await using started = new AsyncDisposableStack();
  const app = started.use(await AppFolder.create(file(options)));
  await app.must('up', '--detach');
  await statusWhen(app, 'all have copies', isWhole);
  const load = new NoteLoad({ port: await app.routerPort(), users, think });
  started.defer(() => load.end());
  await everybodyServed(load, 0);
  const all = started.move();
  return { app, load, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Waits until everybody has had an answer to a request that began after this; ms since the epoch. */
export async function everybodyServed(load: NoteLoad, since: number): Promise<void> {
  const giveUp = AbortSignal.timeout(SERVED_WITHIN_MS);
  while (!load.isEverybodyServedSince(since)) {
    if (giveUp.aborted) throw new Error(`somebody was not served in ${SERVED_WITHIN_MS} ms`);
    await delay(20);
  }
}

/** Nothing is under way, and every session is at two instances. */
export function isWhole({ state, services: [notes] }: Status): boolean {
  const { alone = 0, incomplete = 0 } = notes?.copies ?? {};
  return state === 'ready' && alone === 0 && incomplete === 0;
}

/** No acknowledged write is lost and no request was run twice; the failed requests are for the test to judge. */
export async function assertNothingLost({ app, load }: Scene): Promise<void> {
  await load.end();
  await load.checkAll();
  assert.deepEqual(load.lost, []);
  const logs = (await readdir(app.state.logs)).filter((name) => name.startsWith('notes-'));
  const lines = await Promise.all(
    logs.map(async (name) => (await readFile(join(app.state.logs, name), 'utf8')).split('\n')),
  );
  assert.deepEqual(runTwice(lines), []);
  const { length } = load.users;
  assert.ok(load.acknowledged > 2 * length, `${load.acknowledged} were acknowledged`);
}

/** The process of an instance, the router or the database. @throws when there is none */
export function pidOf(app: AppFolder, id: string): number {
  const pid = app.pids()[id];
  if (pid === undefined) throw new Error(`${id} does not run`);
  return pid;
}
