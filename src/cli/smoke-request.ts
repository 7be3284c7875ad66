/** Sends one request that shows that an application works. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SmokeRequest } from '../app/model.ts';

export interface SmokeResult {
  readonly method: string;
  readonly path: string;
  readonly ok: boolean;
  /** What came: a status, or why nothing came. */
  readonly found: string;
  /** The status of the right answer. */
  readonly expected: number;
}

/** How long one answer may take, and the pause before the next try; ms. */
const ANSWER_TIMEOUT = 10_000;
const PAUSE = 500;
/** An application that is just being started says so. */
const UNAVAILABLE = 503;

/** Tries again, until the signal is aborted, while nobody answers or the answer is an unwanted 503. */
export async function sendSmokeRequest(
  base: string,
  request: SmokeRequest,
  signal: AbortSignal,
): Promise<SmokeResult> {
  for (;;) {
    const result = await send(base, request, signal);
    if (result.ok || !result.mayPass || signal.aborted) return withoutHint(result);
    await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return withoutHint(result);
  }
}

interface Attempt extends SmokeResult {
  readonly mayPass: boolean;
}

function withoutHint(attempt: Attempt): SmokeResult {
  const { mayPass: _, ...result } = attempt;
  return result;
}

async function send(base: string, request: SmokeRequest, signal: AbortSignal): Promise<Attempt> {
  const { method, path, headers, body, status: expected } = request;
  const about = { method, path, expected };
  try {
    const response = await fetch(new URL(path, base), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT)]),
    });
    await response.arrayBuffer();
    const { status } = response;
    return { ...about, ok: status === expected, found: String(status), mayPass: status === UNAVAILABLE };
  } catch (error) {
    // What stopped the last try says less than what is missing.
    const found = signal.aborted ? 'no answer in time' : reasonOf(error);
    return { ...about, ok: false, found, mayPass: true };
  }
}

/** `fetch` tells what went wrong in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}
