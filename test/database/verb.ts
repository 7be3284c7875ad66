/** Verbs as processes, with nothing but the environment that a test gives them. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface Verb extends AsyncDisposable {
  readonly pid: number;
  /** What it has written so far, to either output. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it and all that write to its output have ended; the code is null for a signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts `holdfast ARGS`, which has no HOME. Disposing kills it if it still runs. */
export function startVerb(args: readonly string[], env: Readonly<Record<string, string>>): Verb {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`);
  let [stdout, stderr, both] = ['', '', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    both += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    both += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
  return {
    pid,
    ended,
    output: () => both,
    kill: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** How long a server may take to start, recover or end on a busy machine, in ms. */
const conditionTimeoutMs = 60_000;

/** Waits for a condition; `what` is said when it does not come true. */
export async function until(what: () => string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const giveUp = AbortSignal.timeout(conditionTimeoutMs);
  while (!(await isSo())) {
    if (giveUp.aborted) throw new Error(`not so in ${conditionTimeoutMs} ms: ${what()}`);
    await delay(20);
  }
}
