/**
 * One controller an application. The lock is the kernel's (flock on an open file), so it ends with the
 * process that holds it, however that ends. Node has no call for it: flock(1) locks the open file that
 * it inherits, and the lock stays with our end of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import { OperationError } from '../../app/failure.ts';
import { requireProgram } from '../programs.ts';

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the lock, or says undefined when another process has it. `searchPath`, as in PATH, is where
 * flock(1) is looked for. @throws UserError when it is not installed
 */
export async function tryLock(path: string, searchPath: string): Promise<Lock | undefined> {
  const program = requireProgram('flock', searchPath);
  const file = await open(path, 'a', 0o600);
  try {
    if (await flock(program, file)) return { release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** flock(1)'s exit code for "somebody else has it", chosen by us. */
const TAKEN = 75;

async function flock(program: string, file: FileHandle): Promise<boolean> {
  const child = spawn(program, ['--exclusive', '--nonblock', '--conflict-exit-code', String(TAKEN), '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
  });
  const [code] = await once(child, 'close');
  if (code === 0) return true;
  if (code === TAKEN) return false;
  throw new OperationError(`flock(1) failed with exit code ${String(code)}`);
}
