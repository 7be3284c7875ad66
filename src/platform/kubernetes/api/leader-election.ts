/**
 * Leading by a Lease, in turns with other processes. A leader's term ends, by its own monotonic clock,
 * before anybody else may begin one, so that being cut off or frozen does not make two that both believe it.
 * That is no fence: a request already on its way can still arrive, so every write keeps its precondition.
 */
import { Candidate } from './candidate.ts';
import type { KubeClient } from './kube-client.ts';
import { LEASE_TIMES, type LeaseTimes } from './lease.ts';
import { pause } from './pause.ts';
import { Term } from './term.ts';

export interface LeaderOptions {
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Different for every process, also for one that is started again. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  /** From 0 to 1: candidates do not all try at the same time. */
  readonly random: () => number;
  /** An attempt that failed; it goes on by itself. */
  readonly onError: (error: unknown) => void;
}

/**
 * What the leader does. `signal` is aborted when it has to stop; `stillLeading` tells it at once, also in a
 * process that was frozen: ask before each deed.
 */
export type WhileLeading = (signal: AbortSignal, stillLeading: () => boolean) => Promise<void>;

/**
 * Waits until it leads, then does `whileLeading`. After a lost term it waits for the next one. When
 * `whileLeading` ends by itself, or `signal` is aborted and it has ended, it gives the lease up and returns.
 * @throws what `whileLeading` throws, unless it had been told to stop
 */
export async function lead(
  client: KubeClient,
  options: LeaderOptions,
  whileLeading: WhileLeading,
  signal: AbortSignal,
): Promise<void> {
  const times = options.times ?? LEASE_TIMES;
  const { namespace, name, identity } = options;
  const candidate = new Candidate(client, { namespace, name, identity, times });
  const election = { candidate, times, ...options };
  for (;;) {
    const term = await campaign(election, signal);
    if (term === undefined) return;
    const wasLost = await serve(election, term, whileLeading, signal);
    if (!wasLost) return;
  }
}

interface Election extends LeaderOptions {
  readonly candidate: Candidate;
  readonly times: LeaseTimes;
}

/** @returns undefined when the signal was aborted before it led */
async function campaign(election: Election, signal: AbortSignal): Promise<Term | undefined> {
  const { candidate, times, random, onError } = election;
  while (!signal.aborted) {
    const since = performance.now();
    try {
      if (await candidate.attempt(times.renewDeadline, signal)) return new Term(since, times.renewDeadline);
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await pause(times.retry * (1 + random() / 5), signal).catch(() => undefined);
  }
  return undefined;
}

/** One term. @returns whether it was lost while we were to go on */
async function serve(
  election: Election,
  term: Term,
  whileLeading: WhileLeading,
  signal: AbortSignal,
): Promise<boolean> {
  const onAbort = (): void => term.stop(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const done = new AbortController();
  const renewing = keepRenewing(election, term, done.signal);
  try {
    await whileLeading(term.signal, () => term.isGoingOn());
    return term.isLost() && !signal.aborted;
  } catch (error) {
    if (term.isGoingOn()) throw error; // who was told to stop may end by an error
    return !signal.aborted;
  } finally {
    done.abort();
    signal.removeEventListener('abort', onAbort);
    await renewing;
    await release(election, term);
  }
}

/** Also while the work of a stopped term winds up: the next leader is not to begin before that. */
async function keepRenewing(election: Election, term: Term, done: AbortSignal): Promise<void> {
  const { candidate, times, identity, onError } = election;
  while (!done.aborted && !term.isLost()) {
    await pause(times.retry, done).catch(() => undefined);
    if (done.aborted || term.isLost()) return;
    const since = performance.now();
    try {
      if (await candidate.attempt(Math.max(1, term.until - since))) term.renew(since);
      else if (candidate.holder !== undefined && candidate.holder !== identity) term.lose();
    } catch (error) {
      onError(error);
    }
  }
}

async function release({ candidate, times, onError }: Election, term: Term): Promise<void> {
  const wasOurs = !term.isLost();
  term.close();
  if (!wasOurs) return;
  try {
    await candidate.release(times.renewDeadline);
  } catch (error) {
    onError(error); // the others wait for its end then
  }
}
