/** A small file system of its own in the place of a folder, to be filled up. Only root can mount one. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk extends AsyncDisposable {
  /** Fills it up, but for so many bytes. */
  fill(left: number): Promise<void>;
  makeRoom(): Promise<void>;
}

/** Why no such disk can be made here; nothing when it can. */
export function diskObstacle(): string | undefined {
  const { status } = spawnSync('unshare', ['--mount', 'true']);
  return status === 0 ? undefined : 'this user may not mount file systems';
}

/** Mounts one on `folder`, with the files of the folder; disposed of, it is gone with all that has come into it. */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  const kept = await mkdtemp(join(tmpdir(), 'holdfast-small-disk-'));
  try {
    await cp(folder, kept, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
    await cp(kept, folder, { recursive: true });
  } finally {
    await rm(kept, { recursive: true, force: true });
  }
  const ballast = join(folder, 'ballast');
  return {
    fill: async (left) => {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - left)));
    },
    makeRoom: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: () => {
      execFileSync('umount', ['--lazy', folder]);
      return Promise.resolve();
    },
  };
}
