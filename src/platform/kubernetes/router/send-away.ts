/** Sends the clients of a router that ends elsewhere, while it goes on serving them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyRouter } from '../../../routing/haproxy-router.ts';
import { RouterUnreachable } from '../../../routing/runtime-socket.ts';
import type { HaproxyProcess } from './haproxy-process.ts';

const POLL = 200;
/** Nodes may hear late that the router ends: as long as clients come, more may come; ms. */
const QUIET = 2_000;

/**
 * Fulfilled when nobody is connected, at the newest worker or at one before it, and nobody has come for a while; or at
 * the limit.
 */
export async function untilDeserted(
  haproxy: HaproxyRouter,
  process: HaproxyProcess,
  limit: AbortSignal,
): Promise<void> {
  let quiet = { made: Number.NaN, since: 0 };
  while (!limit.aborted && process.isRunning) {
    const { isEmpty, made } = await look(haproxy, process);
    if (made !== quiet.made) quiet = { made, since: performance.now() };
    if (isEmpty && performance.now() - quiet.since >= QUIET) return;
    await sleep(POLL, undefined, { signal: limit }).catch(() => undefined);
  }
}

/** Clients are told again each time: a worker that has just taken over may not know it. */
async function look(
  haproxy: HaproxyRouter,
  process: HaproxyProcess,
): Promise<{ isEmpty: boolean; made: number }> {
  try {
    await haproxy.sendAway();
    const { present, made } = await haproxy.connections();
    return { isEmpty: present === 0 && (await process.workers()) <= 1, made };
  } catch (error) {
    if (error instanceof RouterUnreachable) return { isEmpty: false, made: Number.NaN };
    throw error;
  }
}
