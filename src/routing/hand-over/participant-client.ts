/** What a controller asks of the instances of a service that hands sessions over, as docs/hand-over.md has it. */
import { z } from 'zod';
import { OperationError } from '../../app/failure.ts';
import type { Member } from '../../session/told-table.ts';

const STATE_TIMEOUT_MS = 1_000;
const TABLE_TIMEOUT_MS = 1_000;
/** Two waits of 5 s at the owner, and the sending. */
const HAND_OVER_TIMEOUT_MS = 15_000;

const stateAnswer = z.object({
  instance: z.string(),
  incarnation: z.string().min(1),
  epoch: z.int(),
  frozenFor: z.int(),
  lacking: z.array(z.int()),
  incomplete: z.int(),
  alone: z.int(),
  sessions: z.int(),
  pending: z.int(),
  unreadable: z.int().default(0),
});

/** What an instance tells of itself; counts are of slots, and of sessions for the last three. */
export type ParticipantAnswer = z.infer<typeof stateAnswer>;

const shownTable = z.object({ epoch: z.int() });
const handOverAnswer = z.object({ slots: z.array(z.int()) });

export interface HandOverOrder {
  readonly epoch: number;
  readonly slots: readonly number[];
  readonly to: Pick<Member, 'incarnation' | 'url'>;
  readonly as: 'owner' | 'second';
}

/** @throws OperationError when there is no answer, or not the right one */
export async function askState(url: string, token: string): Promise<ParticipantAnswer> {
  const answer = await ask({ url: `${url}/state`, token, method: 'GET', timeoutMs: STATE_TIMEOUT_MS });
  return stateAnswer.parse(answer);
}

/** The epoch of the table that an instance can show. @throws OperationError when it shows none */
export async function askTableEpoch(url: string, token: string): Promise<number> {
  const answer = await ask({ url: `${url}/table`, token, method: 'GET', timeoutMs: TABLE_TIMEOUT_MS });
  return shownTable.parse(answer).epoch;
}

/** @param table in the form in which instances are told it. @throws OperationError when it was not taken */
export async function tellTable(url: string, token: string, table: string): Promise<void> {
  await ask({ url: `${url}/table`, token, method: 'PUT', body: table, timeoutMs: TABLE_TIMEOUT_MS });
}

/** The slots of which the owner knows that the other has them. @throws OperationError */
export async function askHandOver(url: string, token: string, order: HandOverOrder): Promise<number[]> {
  const body = JSON.stringify(order);
  const timeoutMs = HAND_OVER_TIMEOUT_MS;
  return handOverAnswer.parse(await ask({ url: `${url}/hand-over`, token, method: 'POST', body, timeoutMs }))
    .slots;
}

/** Whether nobody listened where an instance was asked. @param error of a question */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ECONNREFUSED') || isRefusal(error.cause);
}

interface Question {
  readonly url: string;
  readonly token: string;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly body?: string;
  readonly timeoutMs: number;
}

async function ask({ url, token, method, body, timeoutMs }: Question): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    const text = await answer.text();
    if (!answer.ok)
      throw new OperationError(`${method} ${url} answers ${answer.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    throw new OperationError(`${method} ${url}: no answer`, { cause });
  }
}
