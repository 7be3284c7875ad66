import { setTimeout as delay } from 'node:timers/promises';

/** Between two looks; ms. Most of them are requests to an API server that has enough to do. */
const PAUSE = 150;

/** Returns when the condition holds; throws an Error that names it after `timeoutMs`. */
export async function until(
  what: string,
  timeoutMs: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(PAUSE);
  }
}
