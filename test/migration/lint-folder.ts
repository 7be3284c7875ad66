/** Where the tests of the lint make their shadows: each waits for its files many times. */

import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
const enoughBytes = 2 ** 30;

/** A new folder, in memory where there is room. */
export async function lintFolder(): Promise<string> {
  return mkdtemp(join((await hasRoom()) ? memory : tmpdir(), 'holdfast-lint-test-'));
}

async function hasRoom(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(memory);
    return bavail * bsize >= enoughBytes;
  } catch {
    // Not every system has it.
    return false;
  }
}
