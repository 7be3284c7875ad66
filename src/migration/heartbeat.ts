/** Moves the lease's beats on while its holder is busy, over a connection of its own. */

import { connect, disconnect, type Target } from './connect.ts';
import { leaseLifeMs, type HeldLease } from './lease.ts';

/** Several may be lost before the lease is over. */
const beatMs = leaseLifeMs / 5;

export interface Heartbeat {
  /** Ends it and its connection. */
  end(): Promise<void>;
}

/** Begins to beat. A beat that fails is left to the next one: whoever has lost the lease learns it when it writes. */
export function startHeartbeat(url: string, lease: HeldLease): Heartbeat {
  const ended = new AbortController();
  let target: Target | undefined;
  let beating: Promise<void> | undefined;
  const beat = async (): Promise<void> => {
    try {
      target ??= await connect(url, ended.signal);
      await lease.renew(target.connection);
    } catch {
      // The server is away, or stalled by the very statement that runs. The next beat connects anew.
      target?.cut();
      target = undefined;
    }
  };
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, beatMs).unref();
  return {
    end: async () => {
      clearInterval(timer);
      ended.abort();
      await beating;
      if (target) await disconnect(target);
    },
  };
}
