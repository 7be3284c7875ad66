/** One router of an application on a cluster: HAProxy, its driver, and the state API, from start to end. */
import { mkdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { PORTS } from '../objects/names.ts';
import { askedRouter } from './asked-router.ts';
import { RouterDriver } from './router-driver.ts';
import type { RouterSettings } from './router-settings.ts';
import { RouterSource, type WatchObjects } from './router-source.ts';
import { stateApi } from './state-api.ts';

/** How long clients have to take their connections elsewhere; ms. With the next one within the pod's 60 s. */
const LEAVE_WITHIN = 40_000;
/** How long what is under way then may take to finish; ms. HAProxy keeps its pins that long without a successor. */
const FINISH_WITHIN = 4_000;

export interface RouterRun {
  readonly settings: RouterSettings;
  readonly watch: WatchObjects;
  readonly log: (text: string) => void;
  /** Aborted when the router should end, having served everybody. */
  readonly interrupted: AbortSignal;
  /** Aborted when it should end now. */
  readonly hurried: AbortSignal;
}

/**
 * Runs until it is interrupted: then it is no longer ready, goes on serving until every node has heard of
 * that and every client has gone elsewhere, and ends.
 */
export async function runRouter({ settings, watch, log, interrupted, hurried }: RouterRun): Promise<void> {
  await mkdir(settings.folder, { recursive: true, mode: 0o700 });
  const token = async (): Promise<string> => (await readFile(settings.tokenFile, 'utf8')).trim();
  const rounds = new AbortController();
  const source = new RouterSource({ settings, watch, log, changed: () => driver.wake() }, rounds.signal);
  const driver = new RouterDriver({ settings, view: () => source.view(), token, log });
  const { haproxy, pins } = driver;
  const isReady = (): boolean => driver.isComplete && !interrupted.aborted;
  const release = (service: string, name: string): Promise<void> => driver.release(service, name);
  const asked = askedRouter({ haproxy, pins, view: () => source.view(), isReady, token, release });
  const server = createAdaptorServer({ fetch: stateApi(asked).fetch }) as Server;
  await listen(server, settings.host);
  const driving = driver.run(rounds.signal);
  try {
    await aborted(interrupted);
    log(`ends: serves for another ${settings.grace / 1_000} s, then sends its clients elsewhere`);
    await sleep(settings.grace, undefined, { signal: hurried }).catch(() => undefined);
    await driver.sendAway(LEAVE_WITHIN, hurried);
  } finally {
    rounds.abort();
    await driving;
    await driver.finish(FINISH_WITHIN, hurried);
    server.close();
    server.closeAllConnections();
  }
}

async function listen(server: Server, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(PORTS.state, host, resolve);
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}
