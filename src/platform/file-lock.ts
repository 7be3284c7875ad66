/**
 * A lock that is the kernel's (flock on an open file): it ends with the processes that have the file open,
 * however they end. Node has no call for it: flock(1) locks the open file that it inherits, and the lock
 * stays with our end of it.
 */
import { spawn } from 'node:child_process';
import { open, type FileHandle } from 'node:fs/promises';
import { OperationError } from '../app/failure.ts';
import { requireProgram } from './programs.ts';

export interface LockRequest {
  /** The file; made when it is missing. */
  readonly path: string;
  /** Where flock(1) is looked for, as in PATH. */
  readonly searchPath: string;
  /** How long to wait for another that holds it, in whole seconds; 0 asks once. */
  readonly waitSeconds: number;
  readonly signal?: AbortSignal;
}

/** flock(1)'s exit code for "somebody else has it", chosen by us. */
const TAKEN = 75;

/**
 * The file, locked as long as it is open here or in a child that inherited it; undefined when another
 * has it. @throws UserError when flock(1) is not installed
 */
export async function lockFile(request: LockRequest): Promise<FileHandle | undefined> {
  const program = requireProgram('flock', request.searchPath);
  const file = await open(request.path, 'a', 0o600);
  try {
    const code = await flock(program, file, request);
    if (code === 0) return file;
    if (code !== TAKEN) throw new OperationError(`flock(1) failed with exit code ${code ?? 'none'}`);
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

async function flock(
  program: string,
  file: FileHandle,
  { waitSeconds, signal }: LockRequest,
): Promise<number | null> {
  const args = ['--exclusive', '--wait', String(waitSeconds), '--conflict-exit-code', String(TAKEN), '3'];
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    ...(signal === undefined ? {} : { signal }),
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
}
