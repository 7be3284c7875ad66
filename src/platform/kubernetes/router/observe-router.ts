/** What the running HAProxy says of itself, for the plan. */
import type { HaproxyRouter, ObservedRouter } from '../../../routing/haproxy-router.ts';
import { RouterUnreachable } from '../../../routing/runtime-socket.ts';
import type { SharedPins } from '../../../routing/shared-pins.ts';
import { doubtful, type RunningRouter } from './router-plan.ts';
import { silentPeers } from './silent-peers.ts';

/** Undefined while it does not answer: it is starting, or has just died. */
export async function observeRunning(
  haproxy: HaproxyRouter,
  pins: SharedPins,
  signal: AbortSignal,
): Promise<Omit<RunningRouter, 'leaving'> | undefined> {
  try {
    const [observed, { peers }, released] = await Promise.all([
      haproxy.observe(signal),
      pins.peers(signal),
      pins.released(signal),
    ]);
    const freed = await freedIn(observed, pins, signal);
    // The kernel's table may be long: it is read only when there is a question.
    const silent = doubtful(observed).length === 0 ? new Set<string>() : await silentPeers();
    return { ...observed, peers, freed, released, silent };
  } catch (error) {
    if (error instanceof RouterUnreachable) return undefined;
    throw error;
  }
}

async function freedIn(
  { backends }: ObservedRouter,
  pins: SharedPins,
  signal: AbortSignal,
): Promise<RunningRouter['freed']> {
  const stateful = Object.keys(backends).filter((service) => backends[service]?.epoch !== undefined);
  const lists = stateful.map(async (service) => [service, await pins.freed(service, signal)] as const);
  return new Map(await Promise.all(lists));
}
