/** Runs the shell scripts of this folder. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const clusterFolder: string = dirname(fileURLToPath(import.meta.url));
export const repository: string = dirname(dirname(clusterFolder));

/** Where the scripts keep what survives a cluster: programs, images. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const caches = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? '/root', '.cache');
  return env['HOLDFAST_CLUSTER_CACHE'] ?? join(caches, 'holdfast', 'cluster');
}

export interface ScriptOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Written to its standard input. */
  readonly stdin?: string;
  /** After this many milliseconds it is killed. */
  readonly timeoutMs: number;
}

/**
 * Runs a program and gives its standard output. Throws an Error with what it wrote to standard error when its
 * exit code is not 0, or when it took too long.
 */
export async function runScript(
  program: string,
  args: readonly string[],
  options: ScriptOptions,
): Promise<string> {
  const child = spawn(program, args, { env: options.env, stdio: 'pipe' });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const [output, errors]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  // A program that ends without reading its input is judged by its exit code.
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  const ended = Promise.withResolvers<void>();
  child.on('error', ended.reject);
  child.on('close', (code, signal) => {
    if (code === 0) return ended.resolve();
    const how = signal === null ? `exit code ${code}` : `${signal}, after at most ${options.timeoutMs} ms`;
    ended.reject(new Error(`${[program, ...args].join(' ')}: ${how}\n${errors.join('').trim()}`));
  });
  try {
    await ended.promise;
  } finally {
    clearTimeout(timer);
  }
  return output.join('');
}
