/**
 * What both services do alike: health, errors, the instance's name on every answer, and a graceful
 * end. On SIGTERM an instance first says that it is not ready and goes on serving; only when the
 * router has stopped sending requests does it close. Closing at once would reset connections on which
 * the router is just sending.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Sessions } from 'holdfast/session';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { isUnavailable } from './database.ts';
import type { Settings } from './settings.ts';

const BODY_LIMIT_BYTES = 16 * 1024;
/** Longer than any router keeps an idle connection, so that the router is the one that closes. */
const KEEP_ALIVE_MS = 120_000;
/** No request for this long means that the router sends no more. */
const QUIET_MS = 300;
/** The two limits together stay below the 10 s after which Holdfast ends an instance by force. */
const SERVE_ON_LIMIT_MS = 5_000;
const REQUESTS_IN_FLIGHT_LIMIT_MS = 3_000;

/** One instance's part in its orderly end. */
export interface Lifecycle {
  ending: boolean;
  /** When the last request (health checks apart) came in, ms since 1970. */
  lastRequest: number;
}

export function newLifecycle(): Lifecycle {
  return { ending: false, lastRequest: 0 };
}

/** An application with health paths; `checkReady` throws while the instance can't take users. */
export function serviceApp(instance: string, lifecycle: Lifecycle, checkReady: () => Promise<void>): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    const { status, message } = asAnswer(error);
    if (status === 503) c.header('Retry-After', '1');
    return c.json({ error: message, instance }, status);
  });
  app.notFound((c) => c.json({ error: 'not found', instance }, 404));
  app.use(async (c, next) => {
    await next();
    c.header('X-Instance', instance);
    if (lifecycle.ending) c.header('Connection', 'close');
  });
  app.get('/live', (c) => c.text('live'));
  app.get('/ready', async (c) => {
    if (lifecycle.ending) return c.text('ending', 503);
    try {
      await checkReady();
      return c.text('ready');
    } catch (error) {
      return c.text(`not ready: ${error instanceof Error ? error.message : String(error)}`, 503);
    }
  });
  app.use(async (_, next) => {
    lifecycle.lastRequest = Date.now();
    await next();
  });
  app.use(bodyLimit({ maxSize: BODY_LIMIT_BYTES, onError: refuseBody }));
  return app;
}

function refuseBody(): never {
  throw new HTTPException(413, { message: `the body must not exceed ${BODY_LIMIT_BYTES} bytes` });
}

function asAnswer(error: Error): { status: ContentfulStatusCode; message: string } {
  // Thrown by the routes on purpose, with words for the caller; the rest is for the log.
  if (error instanceof HTTPException) return { status: error.status, message: error.message };
  // Of holdfast/session, which only login has: the session is on its way to another instance.
  if (error.name === 'SessionUnavailableError') return { status: 503, message: error.message };
  if (isUnavailable(error)) {
    console.error(`database: ${error.message}`);
    return { status: 503, message: 'the database is not available' };
  }
  console.error(error);
  return { status: 500, message: 'internal error' };
}

/** The request's body as an object with unknown values; 400 if it is something else. */
export async function jsonBody(request: { json(): Promise<unknown> }): Promise<Record<string, unknown>> {
  const body = await request.json().catch(() => undefined);
  if (typeof body === 'object' && body !== null) return body as Record<string, unknown>;
  throw new HTTPException(400, { message: 'the body must be a JSON object' });
}

/** What a service with sessions in memory gives its server: they decide which requests run here, and until when. */
export type SessionKeeper = Pick<Sessions<unknown>, 'serve' | 'ready' | 'left' | 'close'>;

/** Serves until SIGTERM or SIGINT, then ends gracefully; resolves when everything is closed. */
export async function serveUntilSignal(
  app: Hono,
  { host, port, instance }: Settings,
  lifecycle: Lifecycle,
  sessions?: SessionKeeper,
): Promise<void> {
  const listener = getRequestListener(app.fetch, { hostname: host });
  const server = createServer(sessions === undefined ? listener : sessions.serve(listener));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(port, host);
  await Promise.all([once(server, 'listening'), sessions?.ready]);
  console.log(`${instance} listens on ${host}:${port}`);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  console.log(`${instance} ends`);
  lifecycle.ending = true;
  await (sessions?.left() ?? requestsStop(lifecycle));
  await close(server);
  sessions?.close();
}

async function requestsStop(lifecycle: Lifecycle): Promise<void> {
  const begin = Date.now();
  const quiet = (): boolean => Date.now() - Math.max(begin, lifecycle.lastRequest) >= QUIET_MS;
  while (!quiet() && Date.now() - begin < SERVE_ON_LIMIT_MS) await delay(QUIET_MS / 10);
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), REQUESTS_IN_FLIGHT_LIMIT_MS);
  await closed;
  clearTimeout(cut);
}
