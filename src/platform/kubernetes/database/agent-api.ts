/** What the agent answers to the kubelet's probes and to the controller. No secret is told. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { OperationError } from '../../../app/failure.ts';
import type { AgentState } from './agent-state.ts';

/**
 * `/live`: the agent is at work, also while MariaDB starts, recovers or is started again. `/ready`: MariaDB
 * answers and has its accounts. `/state`: an AgentState as JSON.
 */
export function agentApi(state: () => Promise<AgentState>): Hono {
  const api = new Hono();
  api.get('/live', (c) => c.text('live'));
  api.get('/ready', async (c) => {
    const { state: now, problem } = await state();
    return now === 'ready'
      ? c.text('ready')
      : c.text(problem === undefined ? now : `${now}: ${problem}`, 503);
  });
  api.get('/state', async (c) => c.json(await state()));
  return api;
}

/** Listens on every address of the pod, IPv4 or IPv6. */
export async function serveAgentApi(api: Hono, port: number): Promise<Server> {
  const server = createAdaptorServer({ fetch: api.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new OperationError(`the agent can't listen on port ${port} for probes`, { cause }));
    });
    server.listen(port, resolve);
  });
  return server;
}
