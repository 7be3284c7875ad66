/** Runs one verb: what it is given, and what becomes of its errors. */
import { CommanderError } from 'commander';
import { UserError } from '../app/failure.ts';
import { commandLine } from './command-line.ts';
import { EXIT_FAILED, EXIT_USER } from './output.ts';
import type { VerbContext } from './verb-context.ts';

/** The first signal asks for the end, the second one hurries it. */
function interruptions(): Pick<VerbContext, 'interrupted' | 'hurried'> {
  const [interrupted, hurried] = [new AbortController(), new AbortController()];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => (interrupted.signal.aborted ? hurried : interrupted).abort());
  // Whoever read this has gone (a closed pipe or terminal): like a Ctrl-C, and never a crash half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interrupted.abort());
  return { interrupted: interrupted.signal, hurried: hurried.signal };
}

/** Runs the verb of this process's arguments. @returns the exit code */
export async function main(): Promise<number> {
  const context: VerbContext = {
    cwd: process.cwd(),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    ...interruptions(),
  };
  let code = 0;
  try {
    await commandLine(context, (exit) => (code = exit)).parseAsync();
    return code;
  } catch (error) {
    return report(error);
  }
}

/** The one place where errors become words and exit codes. */
function report(error: unknown): number {
  // Commander has printed its own message; its code 0 is --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USER;
  process.stderr.write(`holdfast: ${withCauses(error)}\n`);
  if (process.argv.includes('--json'))
    process.stdout.write(
      `${JSON.stringify({ error: withCauses(error), kind: error instanceof UserError ? 'user' : 'operation' })}\n`,
    );
  return error instanceof UserError ? EXIT_USER : EXIT_FAILED;
}

function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UserError || error.cause === undefined) return error.message;
  return `${error.message}: ${withCauses(error.cause)}`;
}
