/** Reads the output of processes from their files, also while they write and while it is bounded. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing } from '../platform/machine/json-file.ts';
import { sizeOf } from '../platform/machine/log-file.ts';

/** How often followed files are looked at; ms. */
const FOLLOW_INTERVAL = 150;
/** The most that is read of one file at once; bytes. */
const MOST_AT_ONCE = 1_048_576;

export interface LogLine {
  readonly id: string;
  readonly text: string;
}

/** The ids that have a log: instances, `database`, `router`, `controller`. */
export async function logIds(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith('.log'))
    .map((name) => name.slice(0, -'.log'.length))
    .sort();
}

/** The last `count` lines of one log. */
export async function lastLines(folder: string, id: string, count: number): Promise<LogLine[]> {
  const path = join(folder, `${id}.log`);
  const size = await sizeOf(path);
  const text = await readFrom(path, Math.max(0, size - MOST_AT_ONCE), size);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-count).map((line) => ({ id, text: line }));
}

/** Calls `onLine` for each whole line that is written from now on to the logs that `wants` takes. */
export async function followLogs(
  folder: string,
  wants: (id: string) => boolean,
  onLine: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const seen = new Map<string, { offset: number; rest: string }>();
  for (const id of await logIds(folder))
    seen.set(id, { offset: await sizeOf(join(folder, `${id}.log`)), rest: '' });
  while (!signal.aborted) {
    for (const id of (await logIds(folder)).filter(wants)) {
      const before = seen.get(id) ?? { offset: 0, rest: '' };
      seen.set(id, await readOn(folder, id, before, onLine));
    }
    await sleep(FOLLOW_INTERVAL, undefined, { signal }).catch(() => undefined);
  }
}

interface Position {
  readonly offset: number;
  readonly rest: string;
}

async function readOn(
  folder: string,
  id: string,
  before: Position,
  onLine: (line: LogLine) => void,
): Promise<Position> {
  const path = join(folder, `${id}.log`);
  const size = await sizeOf(path);
  // A shorter file has been cut: what follows is new, and goes on no line from before.
  const isCut = size < before.offset;
  if (isCut && before.rest !== '') onLine({ id, text: before.rest });
  const { offset: from, rest: begun } = isCut ? { offset: 0, rest: '' } : before;
  if (size === from) return { offset: from, rest: begun };
  const to = Math.min(size, from + MOST_AT_ONCE);
  const lines = (begun + (await readFrom(path, from, to))).split('\n');
  const rest = lines.pop() ?? '';
  for (const text of lines) onLine({ id, text });
  return { offset: to, rest };
}

async function readFrom(path: string, from: number, to: number): Promise<string> {
  if (to <= from) return '';
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
