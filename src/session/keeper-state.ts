/** What an instance tells of itself. */
import type { Hold } from './hold.ts';

/** How much an instance has, for `GET /state`. */
export interface KeeperState {
  readonly epoch: number;
  readonly owned: number;
  readonly second: number;
  readonly frozen: readonly number[];
  readonly frozenFor: number;
  /** Slots that this instance is a member of and has not everything of. */
  readonly lacking: readonly number[];
  /** Owned slots whose second owner has not got everything yet. */
  readonly incomplete: number;
  readonly alone: number;
  readonly sessions: number;
  readonly pending: number;
}

export function stateOf(epoch: number, holds: Iterable<Hold>): KeeperState {
  const state = { owned: 0, second: 0, frozenFor: 0, incomplete: 0, alone: 0, sessions: 0, pending: 0 };
  const frozen: number[] = [];
  const lacking: number[] = [];
  for (const hold of holds) {
    if (!hold.isCurrent) lacking.push(hold.slot);
    if (hold.frozenFor > 0) frozen.push(hold.slot);
    if (hold.role === 'owner') countOwned(state, hold);
    else state.second += 1;
  }
  return { epoch, ...state, frozen, lacking };
}

type Counts = Record<'owned' | 'frozenFor' | 'incomplete' | 'alone' | 'sessions' | 'pending', number>;

function countOwned(counts: Counts, { frozenFor, second, isCopied, sessions, pending }: Hold): void {
  counts.owned += 1;
  counts.frozenFor = Math.max(counts.frozenFor, frozenFor);
  if (second === undefined) counts.alone += 1;
  else if (!isCopied) counts.incomplete += 1;
  counts.sessions += sessions?.size ?? 0;
  counts.pending += pending?.size ?? 0;
}

/** Sessions of owned slots whose format is newer than this one. */
export function countNewer(holds: Iterable<Hold>, formatVersion: number): number {
  let count = 0;
  for (const { role, sessions } of holds) {
    if (role !== 'owner') continue;
    for (const session of sessions?.values() ?? []) if (session.formatVersion > formatVersion) count += 1;
  }
  return count;
}
