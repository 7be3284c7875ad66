/** Copies and imports as lines of JSON, as docs/hand-over.md writes them. */
import { OperationError } from '../app/failure.ts';
import type { CarriedSession, Copy, CopyEntry, Import } from './carried.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A copy and an import name the incarnation that they are for: another may listen at its address by now. */
export interface Addressed<T> {
  readonly to: string;
  readonly body: T;
}

export function copyLines({ from, sequence, epoch, entries }: Copy, to: string): string {
  return `${[JSON.stringify({ from, to, sequence, epoch }), ...entries.map(entryLine)].join('\n')}\n`;
}

export function importLines({ from, epoch, slots, sessions }: Import, to: string): string {
  const first = JSON.stringify({ from, to, epoch, slots });
  const last = JSON.stringify({ end: true, sessions: sessions.length });
  return `${[first, ...sessions.map((session) => sessionLine(session)), last].join('\n')}\n`;
}

function entryLine(entry: CopyEntry): string {
  const { term } = entry;
  switch (entry.type) {
    case 'session':
      return sessionLine(entry.session, term);
    case 'deleted':
      return JSON.stringify({ slot: entry.slot, term, key: entry.key, deleted: true });
    case 'whole':
    case 'complete':
      return JSON.stringify({ slots: entry.slots, term, [entry.type]: true });
  }
}

/** The value is JSON already. */
function sessionLine({ slot, key, text, formatVersion, unused }: CarriedSession, term?: number): string {
  const head = JSON.stringify({ slot, ...(term === undefined ? {} : { term }), key, formatVersion, unused });
  return `${head.slice(0, -1)},"value":${text}}`;
}

/** @throws OperationError when the lines are not a copy */
export async function readCopy(lines: AsyncIterable<unknown>): Promise<Addressed<Copy>> {
  let head: Fields | undefined;
  const entries: CopyEntry[] = [];
  for await (const line of lines) {
    if (head === undefined) head = fields(line);
    else entries.push(readEntry(fields(line)));
  }
  if (head === undefined) throw malformed('it is empty');
  const { from, to, sequence, epoch } = head;
  const body = { from: text(from), sequence: count(sequence), epoch: count(epoch), entries };
  return { to: text(to), body };
}

/** @throws OperationError when the lines are not a whole import: its end is missing, or the number is another */
export async function readImport(lines: AsyncIterable<unknown>): Promise<Addressed<Import>> {
  let head: Fields | undefined;
  let end: Fields | undefined;
  const sessions: CarriedSession[] = [];
  for await (const line of lines) {
    const read = fields(line);
    if (head === undefined) head = read;
    else if (end !== undefined) throw malformed('there is more after its end');
    else if (read['end'] === true) end = read;
    else sessions.push(readSession(read));
  }
  if (head === undefined || end?.['sessions'] !== sessions.length) throw malformed('its end is missing');
  const { from, to, epoch, slots } = head;
  return { to: text(to), body: { from: text(from), epoch: count(epoch), slots: counts(slots), sessions } };
}

function readEntry(entry: Fields): CopyEntry {
  const term = count(entry['term']);
  if (entry['whole'] === true) return { type: 'whole', term, slots: counts(entry['slots']) };
  if (entry['complete'] === true) return { type: 'complete', term, slots: counts(entry['slots']) };
  if (entry['deleted'] === true) {
    return { type: 'deleted', term, slot: count(entry['slot']), key: text(entry['key']) };
  }
  return { type: 'session', term, session: readSession(entry) };
}

function readSession({ slot, key, formatVersion, unused, value }: Fields): CarriedSession {
  if (value === undefined) throw malformed('a session without a value');
  if (typeof unused !== 'number') throw malformed('a session without the time of its last use');
  return {
    slot: count(slot),
    key: text(key),
    formatVersion: count(formatVersion),
    unused,
    text: JSON.stringify(value),
  };
}

function fields(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed('a line is not an object');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw malformed('a text is missing');
}

function count(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw malformed('a number is missing');
}

function counts(value: unknown): number[] {
  if (Array.isArray(value)) return value.map(count);
  throw malformed('a list of slots is missing');
}

function malformed(what: string): OperationError {
  return new OperationError(`This is not what the hand-over protocol sends: ${what}`);
}
