/**
 * The conformance suite on `holdfast/session`, or on another implementation: with `HOLDFAST_CONFORMANCE` naming a command
 * that starts one and writes `{"http":PORT,"session":PORT}` on its first line of standard error.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { checkConformance, type Target } from './conformance.ts';

const START_MS = 20_000;
const token = 'a token of the conformance suite';
const own = `${process.execPath} ${fileURLToPath(new URL('fixtures/notes.ts', import.meta.url))}`;
const command = process.env['HOLDFAST_CONFORMANCE'] ?? own;

async function start(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'));
  const file = join(folder, 'token');
  await writeFile(file, token, { mode: 0o600 });
  const [program = '', ...args] = command.split(' ');
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      INSTANCE: 'notes-1',
      HOST: '127.0.0.1',
      PORT: '0',
      HOLDFAST_SESSION_PORT: '0',
      HOLDFAST_SESSION_TOKEN_FILE: file,
      HOLDFAST_SESSION_KEY: 'header:x-user',
    },
  });
  const ended = once(child, 'exit');
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const errors = createInterface(child.stderr);
    const [line] = (await once(errors, 'line', { signal: AbortSignal.timeout(START_MS) })) as [string];
    const ports = JSON.parse(line) as { readonly http: number; readonly session: number };
    return {
      url: `http://127.0.0.1:${ports.session}`,
      http: `http://127.0.0.1:${ports.http}`,
      token,
      id: 'notes-1',
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

checkConformance(process.env['HOLDFAST_CONFORMANCE'] ?? 'holdfast/session', start);
