/**
 * How a running application is driven: HTTP over a Unix socket that only its owner can open. The verbs
 * use it, and so may any other program of the same user. Answers are JSON; a failure is
 * `{error, kind}` with kind `user` (400) or `operation` (500).
 */
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { UserError } from '../app/failure.ts';
import type { Explanation } from '../routing/explain.ts';
import type { NamedPhasePlan } from './plan.ts';
import type { Status } from './status.ts';

/** A question about a user. */
export interface UserQuestion {
  readonly key: string;
  /** Needed when more than one service keeps sessions. */
  readonly service: string | undefined;
  /** Instances that are added (`+1`) or removed (`-login-2`), if that is asked too. */
  readonly changes: readonly string[];
}

/** What can be asked of a running application. */
export interface Control {
  status(): Status | undefined;
  /** Reads the file again; `shell` has the variables that the file takes from the caller's shell. */
  apply(shell: Readonly<Record<string, string>>): Promise<void>;
  /** What `apply` would do now. */
  preview(shell: Readonly<Record<string, string>>): Promise<readonly NamedPhasePlan[]>;
  scale(counts: Readonly<Record<string, number>>): Promise<void>;
  restart(service: string): Promise<void>;
  explain(question: UserQuestion): Promise<Explanation>;
  /** Tries held migrations again. */
  migrate(): Promise<void>;
  /** Ends everything; resolves when nothing runs any more. */
  end(): Promise<void>;
}

const applyBody = z.object({ shell: z.record(z.string(), z.string()) });
const scaleBody = z.object({ counts: z.record(z.string(), z.int()) });
const restartBody = z.object({ service: z.string() });

/** The API as a Hono application; testable without a socket. */
export function controlApi(control: Control): Hono {
  const api = new Hono();
  api.get('/status', (c) => c.json(control.status() ?? null));
  api.get('/explain', async (c) => {
    const key = c.req.query('key');
    if (key === undefined) throw new UserError('explain needs a key');
    const [service, changes] = [c.req.query('service'), c.req.queries('if') ?? []];
    return c.json(await control.explain({ key, service, changes }));
  });
  api.post('/apply', async (c) => {
    await control.apply(applyBody.parse(await c.req.json()).shell);
    return c.json(control.status() ?? null);
  });
  api.post('/preview', async (c) => c.json(await control.preview(applyBody.parse(await c.req.json()).shell)));
  api.post('/scale', async (c) => {
    await control.scale(scaleBody.parse(await c.req.json()).counts);
    return c.json(control.status() ?? null);
  });
  api.post('/restart', async (c) => {
    await control.restart(restartBody.parse(await c.req.json()).service);
    return c.json(control.status() ?? null);
  });
  api.post('/migrate', async (c) => {
    await control.migrate();
    return c.json(control.status() ?? null);
  });
  api.post('/end', async (c) => {
    await control.end();
    return c.json({ ended: true });
  });
  api.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    const isUsers = error instanceof UserError || error instanceof z.ZodError || error instanceof SyntaxError;
    return c.json({ error: error.message, kind: isUsers ? 'user' : 'operation' }, isUsers ? 400 : 500);
  });
  return api;
}

export interface ControlListener {
  /** Takes nobody new; resolves when those who were being answered have their answers. */
  close(): Promise<void>;
}

/** How often it is looked whether the socket's file is still there; ms. */
const LOOK_INTERVAL = 1_000;

/**
 * Listens on the socket, replacing one that a killed controller left, and again when somebody removes its
 * file: without it nobody could end the application. The caller holds the lock.
 */
export async function listenForControl(path: string, control: Control): Promise<ControlListener> {
  const server = createAdaptorServer({ fetch: controlApi(control).fetch }) as Server;
  await listen(server, path);
  let again: Promise<void> | undefined;
  const watch = setInterval(() => {
    if (again !== undefined || existsSync(path)) return;
    again = stop(server)
      .then(() => listen(server, path))
      .catch(() => undefined)
      .finally(() => (again = undefined));
  }, LOOK_INTERVAL).unref();
  return {
    async close() {
      clearInterval(watch);
      await again;
      await stop(server);
    },
  };
}

/** The socket is for its owner only; until it has its mode the folder, 0700, sees to that. */
async function listen(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
}

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
