/** Tiny services as `run` lines: plain node without packages, so that they start in a tenth of a second. */
import { fileURLToPath } from 'node:url';

/** The shell's command for a program of `test/fixtures`. */
function command(fixture: string): string {
  const path = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
  return [process.execPath, path].map(quoted).join(' ');
}

/** A word for the shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export const services = {
  /** Counts calls per user; answers `{instance, greeting, pid, user, calls}`; `greeting` is its GREETING. */
  counter: command('counter.ts'),
  /** Asks a counter at the path `/login` for its user, and passes the answer on. */
  caller: command('caller.ts'),
  /** Answers `{pid}` once there is a file `go` in its folder. */
  patient: command('patient.ts'),
  /** Ends at once with exit code 1 and a line of output. */
  crashing: command('crashing.ts'),
  /** Answers `/ready` with 503 for ever. */
  neverReady: command('never-ready.ts'),
  /** Ready at once; SIGTERM does nothing. */
  stubborn: command('stubborn.ts'),
  /** Listens to nothing and ignores SIGTERM. */
  sleeping: command('sleeping.ts'),
  /** Writes N bytes of output when asked for `/?bytes=N`. */
  chatty: command('chatty.ts'),
} as const;
