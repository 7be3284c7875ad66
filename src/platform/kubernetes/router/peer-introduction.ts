/**
 * A router teaches its pins to those only that its configuration names. So one that starts waits until the
 * others have it in theirs, and know the pins: HAProxy asks for their pins once, when it starts, and not again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PORTS } from '../objects/names.ts';
import { routerState, TOKEN_HEADER, type RouterState } from '../../../routing/router-state.ts';
import type { RouterPeer } from './router-view.ts';

const ANSWER_WITHIN = 1_000;
const POLL = 100;

export interface Introduction {
  /** The router's own name. */
  readonly self: string;
  readonly token: () => Promise<string>;
  /** The others as they are now. */
  readonly peers: () => readonly RouterPeer[];
  /** How long others may take; then it starts without those. ms. */
  readonly within: number;
}

export interface Introduced {
  /** Those that cannot teach the router although they serve. */
  readonly strangers: readonly string[];
  /** Whether there are pins to learn, as far as is known: one that serves and does not answer may have some. */
  readonly havePins: boolean;
}

export async function untilPeersKnow(introduction: Introduction, signal: AbortSignal): Promise<Introduced> {
  const { self, peers, within } = introduction;
  const limit = AbortSignal.timeout(within);
  for (;;) {
    const asked = peers().map(async (peer) => ({ peer, state: await stateOf(peer, introduction, signal) }));
    const answers = await Promise.all(asked);
    const strangers = answers.filter(({ peer, state }) => peer.serving && !canTeach(state, self));
    if (strangers.length === 0 || limit.aborted) {
      // One that does not serve any more may still teach.
      const havePins = answers.some(({ peer, state }) =>
        state === undefined || state.pinsKnown === false ? peer.serving : state.pins > 0,
      );
      return { strangers: strangers.map(({ peer }) => peer.name), havePins };
    }
    await sleep(POLL, undefined, { signal });
  }
}

/** One that has just reloaded to know another router is being taught itself, for a moment. */
function canTeach(state: RouterState | undefined, self: string): boolean {
  return state !== undefined && state.peers.includes(self) && state.pinsKnown !== false;
}

async function stateOf(
  { host }: RouterPeer,
  { token }: Introduction,
  signal: AbortSignal,
): Promise<RouterState | undefined> {
  const at = host.includes(':') ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${at}:${PORTS.state}/state`, {
      headers: { [TOKEN_HEADER]: await token() },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]),
    });
    return response.ok ? routerState.parse(await response.json()) : undefined;
  } catch {
    // Not there, not ready or not yet: it is asked again.
    return undefined;
  }
}
