/**
 * Holds the end of an instance back: the pod's preStop hook asks `/drain`, which is answered when no router
 * has users there and none will send new ones, and what it hands over is elsewhere. When the drain time is over,
 * the routers are made to let users go who stay where they are, so that nobody is sent to an instance that ends.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { askRelease, askSlots, askState } from './ask-routers.ts';
import { RELEASED_WITHIN, type DrainSettings } from './drain-settings.ts';
import { describeRound, isDrained, unanswered, type Found } from './drain-verdict.ts';

export const DRAIN_PORT = 9000;
/** Between two rounds of questions; ms. */
const PAUSE = 500;
const RELEASE_PAUSE = 200;

type Log = (text: string) => void;

interface Drain {
  readonly settings: DrainSettings;
  readonly log: Log;
}

/** Listens until the signal is aborted. */
export async function serveDrain(settings: DrainSettings, log: Log, signal: AbortSignal): Promise<void> {
  /** When the drain time is over, by the process's clock; it begins with the first question. */
  let deadline: number | undefined;
  const server = createServer((request, response) => {
    if (request.url === '/live') response.end('live\n');
    else if (request.url === '/drain') {
      deadline ??= performance.now() + settings.drain;
      void answerWhenDrained({ settings, log }, response, deadline, signal);
    } else response.writeHead(404).end();
  });
  server.requestTimeout = 0;
  server.listen(DRAIN_PORT, settings.host);
  await once(server, 'listening');
  if (!signal.aborted) await once(signal, 'abort');
  server.close();
  server.closeAllConnections();
}

/** Ends also when whoever asked has gone. */
async function answerWhenDrained(
  drain: Drain,
  response: ServerResponse,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const over = AbortSignal.any([signal, gone.signal]);
  try {
    if (await drainedBy(deadline, drain, over))
      drain.log('drained: no router has users here, and none sends new ones');
    else if (drain.settings.sessions !== undefined)
      drain.log('the drain time is over: sessions are left here');
    else await release(drain, over);
    response.end('drained\n');
  } catch (error) {
    if (!over.aborted) throw error;
  }
}

/** @returns false when the drain time is over before the instance is drained */
async function drainedBy(deadline: number, { settings, log }: Drain, signal: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(deadline - performance.now())));
  const either = AbortSignal.any([signal, limit]);
  let absent = 0;
  let said = '';
  while (!limit.aborted) {
    const round = await look(settings, either).catch(String);
    absent = typeof round !== 'string' && round.routers.size === 0 ? absent + 1 : 0;
    if (typeof round !== 'string' && isDrained(round, absent)) return true;
    const about = typeof round === 'string' ? round : describeRound(round);
    if (about !== said && !limit.aborted) log(`waits: ${about}`);
    said = about;
    await sleep(PAUSE, undefined, { signal: either }).catch(() => signal.throwIfAborted());
  }
  return false;
}

async function look(settings: DrainSettings, signal: AbortSignal): Promise<Found> {
  const [routers, slots] = await Promise.all([askState(settings, signal), askSlots(settings, signal)]);
  return { routers, slots };
}

/** One that does not answer is asked again for a while. Those that have done it do nothing the next time. */
async function release({ settings, log }: Drain, signal: AbortSignal): Promise<void> {
  log('the drain time is over: the routers let the users go');
  const limit = AbortSignal.timeout(RELEASED_WITHIN);
  const either = AbortSignal.any([signal, limit]);
  for (;;) {
    const round = await askRelease(settings, either).catch(String);
    const open = typeof round === 'string' ? [round] : unanswered(round);
    if (open.length === 0) return log('all users have been let go');
    if (limit.aborted) return log(`ends although these have not let the users go: ${open.join(', ')}`);
    await sleep(RELEASE_PAUSE, undefined, { signal: either }).catch(() => signal.throwIfAborted());
  }
}
