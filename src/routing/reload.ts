/** How a running HAProxy takes another configuration over, keeping connections and pins. */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import type { HaproxyRouter } from './haproxy-router.ts';
import { RouterUnreachable } from './runtime-socket.ts';

/** How long a reload may take to be in force; ms. */
const RELOAD_TIMEOUT = 15_000;
/**
 * How long after a signal it counts as lost; ms. A reload takes 0.1 s, and seconds on a machine that is very
 * busy. One that is told to reload twice makes a worker in between, which has not learned the pins and so teaches
 * none to the next: rather late than twice.
 */
const SIGNAL_LOST_AFTER = 3_000;
/**
 * How long a reload waits for pins to be kept over it; ms. Without a teacher HAProxy needs 5 s after its start, and
 * twice as long after the reload of one that had not learned itself.
 */
export const PINS_TIMEOUT = 12_000;
const POLL = 20;

/** Waits until a reload keeps the pins: a HAProxy that has just been started hands none over for a while. */
export async function untilPinsSurvive(router: HaproxyRouter, signal?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(PINS_TIMEOUT);
  while (!limit.aborted && !(await answers(() => router.pinsSurviveReload(signal))))
    await sleep(POLL, undefined, signal === undefined ? {} : { signal });
}

/**
 * Sends the signal to reload until `generation`, which the file has, is in force: a master that is busy
 * with its last start loses the signal. @throws OperationError when it is not in time
 */
export async function reloadInto(
  router: HaproxyRouter,
  generation: string,
  sendSignal: () => void,
  signal?: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(RELOAD_TIMEOUT);
  let lostAt = Number.NEGATIVE_INFINITY;
  while (!(await answers(async () => (await router.observe(signal)).generation === generation))) {
    if (limit.aborted)
      throw new OperationError(
        `HAProxy has not taken its new configuration over within ${RELOAD_TIMEOUT / 1000} s`,
      );
    if (performance.now() >= lostAt) {
      sendSignal();
      lostAt = performance.now() + SIGNAL_LOST_AFTER;
    }
    await sleep(POLL, undefined, signal === undefined ? {} : { signal });
  }
}

/** No while HAProxy does not answer. */
async function answers(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof RouterUnreachable) return false;
    throw error;
  }
}
