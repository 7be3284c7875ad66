/**
 * The output of processes. They write into their file themselves, so it survives the controller; the
 * controller bounds it by moving what is there into one older file and cutting the file to nothing.
 * Since it is opened for appending, its process then goes on at the start.
 */
import { open, rename, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { isMissing } from './json-file.ts';

/** Opens a process's log for appending; readable by its owner only. */
export async function openLog(path: string): Promise<FileHandle> {
  return open(path, 'a', 0o600);
}

/** The older part of a log. */
export function olderLog(path: string): string {
  return `${path}.1`;
}

/**
 * Keeps a log at about `size` bytes, with as much again in the older file. What is written between the
 * copy and the cut is lost; that is the price for the process owning its file.
 */
export async function boundLog(path: string, size: number): Promise<void> {
  const length = await sizeOf(path);
  if (length <= size) return;
  const next = `${olderLog(path)}.next`;
  try {
    await copyEnd(path, next, { length, bytes: size });
  } catch (error) {
    // On a full disk the bound matters more than what is in the log.
    await rm(next, { force: true });
    await truncate(path, 0);
    throw error;
  }
  await truncate(path, 0);
  await rename(next, olderLog(path));
}

/** Bytes of a file; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

async function copyEnd(
  from: string,
  to: string,
  { length, bytes }: { length: number; bytes: number },
): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'w', 0o600);
    try {
      const stream = source.createReadStream({ start: Math.max(0, length - bytes), autoClose: false });
      for await (const chunk of stream) await target.write(chunk as Buffer);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
