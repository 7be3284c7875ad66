import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Pod } from './kinds.ts';
import { isFinished, observeMigrations } from './observe-migrations.ts';

const SET = 'set1';

function job(set: string, type?: 'Complete' | 'Failed', message?: string): Job {
  const condition =
    type === undefined
      ? []
      : [{ type, status: 'True' as const, ...(message === undefined ? {} : { message }) }];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `shop-migrate-${set}`, annotations: { 'holdfast.dev/template': set } },
    status: { conditions: condition },
  };
}

function pod(message: string | undefined, creationTimestamp: string): Pod {
  const terminated = { exitCode: 2, ...(message === undefined ? {} : { message }) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${creationTimestamp}`,
      creationTimestamp,
      labels: { 'batch.kubernetes.io/job-name': `shop-migrate-${SET}` },
    },
    spec: {},
    status: {
      containerStatuses: [{ name: 'migrate', ready: false, restartCount: 0, state: { terminated } }],
    },
  };
}

function seen(jobs: readonly Job[], pods: readonly Pod[] = []): ReturnType<typeof observeMigrations> {
  return observeMigrations({ set: SET, inForce: undefined, files: 3, jobs, pods });
}

test('a set is unknown without its Job, runs with it, and is applied when that is complete', () => {
  assert.deepEqual(observeMigrations({ set: undefined, inForce: undefined, files: 0, jobs: [], pods: [] }), {
    state: 'none',
    applied: 0,
    pending: 0,
  });
  assert.deepEqual(seen([]), { state: 'unknown', applied: 0, pending: 3 });
  assert.equal(seen([job(SET)]).state, 'running');
  assert.deepEqual(seen([job(SET, 'Complete')]), { state: 'applied', set: SET, applied: 3, pending: 0 });
});

test('a set that failed is held, in the words of the youngest pod that has some', () => {
  const pods = [
    pod('an older reason', '2026-01-01T00:00:00Z'),
    pod('V2__x.sql: statement 1 failed', '2026-01-01T00:00:02Z'),
    pod(undefined, '2026-01-01T00:00:01Z'),
  ];
  const held = seen([job(SET, 'Failed', 'Job has reached the limit')], pods);
  assert.deepEqual([held.state, held.problem], ['held', 'V2__x.sql: statement 1 failed']);
  assert.equal(seen([job(SET, 'Failed', 'Job has reached the limit')]).problem, 'Job has reached the limit');
});

test('while another set is being applied, that is what runs', () => {
  assert.deepEqual(seen([job('other'), job(SET, 'Complete')]), {
    state: 'running',
    set: 'other',
    applied: 0,
    pending: 3,
  });
  assert.equal(seen([job('other', 'Failed'), job(SET, 'Complete')]).state, 'applied');
});

test('a Job has ended one way or the other', () => {
  assert.deepEqual([job(SET), job(SET, 'Complete'), job(SET, 'Failed')].map(isFinished), [false, true, true]);
});

const CONTRACT = 'shop-contract-set1';

function contractJob(type?: 'Complete' | 'Failed', files?: readonly string[]): Job {
  const { metadata, ...rest } = job(SET, type, 'limit');
  const annotations = {
    ...metadata.annotations,
    'holdfast.dev/phase': 'contract',
    ...(files === undefined ? {} : { 'holdfast.dev/contracts': JSON.stringify(files) }),
  };
  return { ...rest, metadata: { ...metadata, name: CONTRACT, annotations } };
}

function told(report: object, of = `shop-migrate-${SET}`): Pod {
  const { metadata, ...rest } = pod(JSON.stringify(report), '2026-01-01T00:00:03Z');
  return { ...rest, metadata: { ...metadata, labels: { 'batch.kubernetes.io/job-name': of } } };
}

function contractOf(jobs: readonly Job[], pods: readonly Pod[] = []): unknown {
  return observeMigrations({ set: 'set2', inForce: SET, files: 3, jobs, pods }).contract;
}

test('what is left for the contract is told by the Job of the set, or found out where its pod is gone', () => {
  const done = job(SET, 'Complete');
  const files = ['V3__less.sql'];
  const left = told({ later: files });
  assert.deepEqual(contractOf([done], [left]), { set: SET, state: 'pending', files });
  assert.deepEqual(contractOf([done], [told({ later: [] })]), { set: SET, state: 'none', files: [] });
  assert.deepEqual(contractOf([done]), { set: SET, state: 'unknown', files: [] });
  assert.deepEqual(contractOf([done], [told({ later: 7 })]), { set: SET, state: 'unknown', files: [] });
});

test('the Job of a contract tells how it is, and is none of the set itself', () => {
  const done = job(SET, 'Complete');
  const left = told({ later: ['V3__less.sql'] });
  const files = ['V3__less.sql'];
  assert.deepEqual(contractOf([done, contractJob()], [left]), { set: SET, state: 'running', files });
  assert.deepEqual(contractOf([done, contractJob('Complete')], [left]), {
    set: SET,
    state: 'applied',
    files,
  });
  assert.deepEqual(contractOf([done, contractJob('Complete')]), { set: SET, state: 'none', files: [] });
  const named = contractJob('Complete', files);
  assert.deepEqual(
    contractOf([done, named]),
    { set: SET, state: 'applied', files },
    'the pod that told is gone',
  );
  const { metadata, ...words } = pod('V3__less.sql:2: no column', '2026-01-01T00:00:04Z');
  const failed = {
    ...words,
    metadata: { ...metadata, labels: { 'batch.kubernetes.io/job-name': CONTRACT } },
  };
  assert.deepEqual(contractOf([done, contractJob('Failed')], [left, failed]), {
    set: SET,
    files,
    state: 'held',
    problem: 'V3__less.sql:2: no column',
  });
  assert.equal(seen([contractJob('Failed')]).state, 'unknown');
  assert.equal(seen([contractJob(), job(SET, 'Complete')]).state, 'applied');
});

test('what a Job tells the controller is not shown as its words', () => {
  const { progress } = seen([job(SET)], [told({ later: ['V3__less.sql'] })]);
  assert.equal(progress, undefined);
});
