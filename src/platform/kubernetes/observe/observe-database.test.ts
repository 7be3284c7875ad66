import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim, Pod } from './kinds.ts';
import { observeDatabase, type DatabaseInput } from './observe-database.ts';

const CLAIM: PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data-shop-database-0' },
  status: { phase: 'Bound' },
};

function pod(status: Pod['status'], metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop-database-0', ...metadata },
    spec: { nodeName: 'one' },
    status: status ?? {},
  };
}

function seen(over: Partial<DatabaseInput>): ReturnType<typeof observeDatabase> {
  const usual = {
    address: 'shop-database:3306',
    pod: undefined,
    claim: CLAIM,
    silent: new Set<string>(),
    hasDefaultStorage: true,
  };
  return observeDatabase({ ...usual, ...over });
}

const READY = { conditions: [{ type: 'Ready', status: 'True' }] } as const;
const LEAVES = { deletionTimestamp: '2026-01-01T00:00:00Z' };

test('a database starts, is ready, and is unready once it was ready', () => {
  assert.equal(seen({}).state, 'starting');
  assert.equal(seen({ pod: pod({}) }).state, 'starting');
  assert.equal(seen({ pod: pod(READY) }).state, 'ready');
  const started = { containerStatuses: [{ name: 'database', ready: false, started: true, restartCount: 0 }] };
  assert.equal(seen({ pod: pod(started) }).state, 'unready');
  assert.notEqual(seen({ pod: pod(READY, LEAVES) }).state, 'ready', 'it is about to end');
});

test('a database that ends again and again has failed, and says why', () => {
  const status = {
    containerStatuses: [
      {
        name: 'database',
        ready: false,
        restartCount: 5,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 2, message: 'the data is of a newer server' } },
      },
    ],
  };
  const { state, problem } = seen({ pod: pod(status) });
  assert.equal(state, 'failed');
  assert.match(problem ?? '', /exit code 2: the data is of a newer server/);
});

test('on a silent node it is never ready, whatever Kubernetes still says of its pod', () => {
  const silent = new Set(['one']);
  const { state, problem } = seen({ pod: pod(READY), silent });
  assert.deepEqual([state, problem], ['unready', 'node one does not answer']);
});

test('while it is given up on a silent node, it is said why it is not moved, and how to have it moved', () => {
  const { state, problem } = seen({ pod: pod(READY, LEAVES), silent: new Set(['one']) });
  assert.equal(state, 'unready');
  assert.match(problem ?? '', /not moved while it may still run there/);
  assert.match(
    problem ?? '',
    /kubectl taint nodes one node\.kubernetes\.io\/out-of-service=nodeshutdown:NoExecute/,
  );
});

test('a claim that nobody serves is told with what to do', () => {
  const pending: PersistentVolumeClaim = { ...CLAIM, status: { phase: 'Pending' } };
  const waiting = pod({ phase: 'Pending' });
  const { problem } = seen({ pod: waiting, claim: pending, hasDefaultStorage: false });
  assert.match(problem ?? '', /no default storage class.*database\.storageClass/s);
  assert.equal(seen({ pod: waiting, claim: pending }).problem, undefined);
});
