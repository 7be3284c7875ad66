import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from './kinds.ts';
import { fatesOf, type Fate, type FateInput } from './session-fates.ts';

const MEMBER = {
  id: 'shop-web-1',
  incarnation: 'first',
  url: 'http://10.0.0.7:7071',
  http: 'http://10.0.0.7',
};
const RUNNING = { running: {} };
const TERMINATED = { terminated: { exitCode: 137 } };

function pod(container: Partial<ContainerStatus> = {}, uid = 'uid1'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: MEMBER.id, uid, labels: { 'holdfast.dev/service': 'web' } },
    spec: {},
    status: {
      containerStatuses: [{ name: 'web', ready: true, restartCount: 0, state: RUNNING, ...container }],
    },
  };
}

/** Heard 10 s ago in the first life of the container, unless `given` says otherwise. */
function fate(given: Partial<FateInput>): Fate | undefined {
  const lives = new Map([['first', { uid: 'uid1', restarts: 0, heardAt: 0 }]]);
  const input = {
    members: [MEMBER],
    pods: [pod()],
    present: new Set([MEMBER.id]),
    lives,
    latest: new Map([['uid1', 'first']]),
    now: 10_000,
    ...given,
  };
  return fatesOf(input).get('first');
}

test('whoever does not answer is there as long as its container runs', () => {
  assert.equal(fate({}), 'there');
  assert.equal(fate({ lives: new Map(), latest: new Map() }), 'there');
});

test('a container that was seen to end has ended, and so has one that was started again', () => {
  assert.equal(fate({ pods: [pod({ state: TERMINATED })] }), 'ended');
  assert.equal(fate({ pods: [pod({ restartCount: 1 })] }), 'ended');
  assert.equal(fate({ pods: [pod({ state: TERMINATED })], lives: new Map(), latest: new Map() }), 'ended');
});

test('a process that answers in the place of another shows that this one has ended', () => {
  assert.equal(fate({ latest: new Map([['uid1', 'second']]) }), 'ended');
});

test('what the API server tells late does not count against who was just heard', () => {
  assert.equal(fate({ pods: [pod({ restartCount: 1 })], now: 500 }), 'there');
  assert.equal(fate({ pods: [pod({ state: TERMINATED })], now: 500 }), 'there');
});

test('a container that was started again tells nothing of somebody who was never heard', () => {
  assert.equal(fate({ pods: [pod({ restartCount: 3 })], lives: new Map(), latest: new Map() }), 'there');
});

test('whoever has vanished with its pod, or was given up, is missing', () => {
  assert.equal(fate({ pods: [] }), 'missing');
  assert.equal(fate({ pods: [pod({}, 'uid2')] }), 'missing');
  assert.equal(fate({ present: new Set() }), 'missing');
  assert.equal(fate({ present: new Set(), pods: [pod({ state: TERMINATED })] }), 'ended');
});
