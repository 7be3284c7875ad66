import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentApi } from './agent-api.ts';
import { agentStateSchema, type AgentState } from './agent-state.ts';

async function ask(path: string, state: AgentState): Promise<{ status: number; text: string }> {
  const answer = await agentApi(() => Promise.resolve(state)).request(path);
  return { status: answer.status, text: await answer.text() };
}

test('it is ready only when the server is, and otherwise says why', async () => {
  assert.equal((await ask('/ready', { state: 'ready', starts: 1 })).status, 200);
  assert.deepEqual(await ask('/ready', { state: 'failing', starts: 2, problem: 'the volume is full' }), {
    status: 503,
    text: 'failing: the volume is full',
  });
});

test('it is live while the server is not', async () => {
  for (const state of ['starting', 'unready', 'failing', 'stopping'] as const)
    assert.equal((await ask('/live', { state, starts: 1 })).status, 200);
});

test('the state can be read back', async () => {
  const state: AgentState = {
    state: 'ready',
    starts: 1,
    accounts: { names: ['holdfast'], digest: 'abc' },
    volume: { size: 10, free: 5 },
    version: '10.11.19',
  };
  assert.deepEqual(agentStateSchema.parse(JSON.parse((await ask('/state', state)).text)), state);
});
