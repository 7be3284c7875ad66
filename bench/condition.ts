/** Waiting for something to become so. */
import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 60_000;
/** Short against everything that is measured. */
const POLL_MS = 5;

/** Asks again until the answer is something. @throws after a minute, with `what` */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (limit.aborted) throw new Error(`not so within ${TIMEOUT_MS / 1000} s: ${what}`);
    await delay(POLL_MS);
  }
}
