/**
 * One agent for a data folder. The lock is handed on to the MariaDB that the agent starts: it is free only
 * when both have ended, however they ended. On a network file system that knows flock it also holds between
 * nodes.
 */
import type { FileHandle } from 'node:fs/promises';
import { OperationError } from '../../../app/failure.ts';
import { lockFile, type LockRequest } from '../../file-lock.ts';

/** Takes the lock. @throws OperationError when another has it until the end of the wait */
export async function takeDataLock(request: LockRequest): Promise<FileHandle> {
  const file = await lockFile(request);
  if (file !== undefined) return file;
  throw new OperationError(
    `another agent or MariaDB is at work on the data beside ${request.path}: end it first`,
  );
}
