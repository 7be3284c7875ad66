/** One controller an application, told by a lock that ends with its process. */
import { lockFile } from '../file-lock.ts';

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the lock, or says undefined when another process has it. `searchPath`, as in PATH, is where
 * flock(1) is looked for. @throws UserError when it is not installed
 */
export async function tryLock(path: string, searchPath: string): Promise<Lock | undefined> {
  const file = await lockFile({ path, searchPath, waitSeconds: 0 });
  return file && { release: () => file.close() };
}
