/** One run of mariadbd as a child of the agent. It is killed by the kernel when the agent ends, however that ends. */
import { spawn } from 'node:child_process';
import { OperationError } from '../../../app/failure.ts';

export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly searchPath: string;
  /** An open file that it keeps open for as long as it lives: the lock on its data. */
  readonly lock: number;
  /** Gets what it writes, as it comes. */
  readonly output: (text: string) => void;
}

/** How it ended. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it has written. */
  readonly log: string;
}

export interface ServerProcess {
  /** Never rejects. */
  readonly exited: Promise<ServerExit>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** How much of its output is kept for a diagnosis, in characters. */
const keptOutput = 16_000;

/** @throws OperationError when it can't be started at all */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const { program, args, searchPath, lock, output } = command;
  // setpriv asks the kernel for the kill, then becomes mariadbd: the pid is the server's.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    env: { PATH: searchPath },
    stdio: ['ignore', 'pipe', 'pipe', lock],
  });
  let log = '';
  const keep = (text: string): void => {
    log = (log + text).slice(-keptOutput);
    output(text);
  };
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', keep);
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal, log });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', (cause) => {
      reject(new OperationError('MariaDB could not be started with setpriv(1)', { cause }));
    });
  });
  child.on('error', (error) => {
    output(`a signal could not be sent: ${error.message}\n`);
  });
  return { exited, kill: (signal) => void child.kill(signal) };
}
