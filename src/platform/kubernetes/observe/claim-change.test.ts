import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../../../app/model.ts';
import { claimChange, claimProblem } from './claim-change.ts';
import type { PersistentVolumeClaim } from './kinds.ts';

const GIBIBYTE = 1024 ** 3;
const CLASSES = [
  { ...storageClass('fast'), allowVolumeExpansion: true },
  { ...storageClass('rigid'), allowVolumeExpansion: false },
];

function storageClass(name: string) {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name } };
}

function database(storage: number, storageClass?: string): Database {
  const named = storageClass === undefined ? {} : { storageClass };
  return { topology: 'single', name: 'app', memory: GIBIBYTE, storage, ...named };
}

function claim(phase: string, storageClassName?: string): PersistentVolumeClaim {
  const spec = { resources: { requests: { storage: '2Gi' } } };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: storageClassName === undefined ? spec : { ...spec, storageClassName },
    status: { phase },
  };
}

const changeOf = (wanted: Database, live: PersistentVolumeClaim): object | undefined =>
  claimChange(wanted, live, CLASSES)?.patch;

test('a claim without a class gets the one that was named', () => {
  const patch = { spec: { storageClassName: 'fast' } };
  assert.deepEqual(changeOf(database(2 * GIBIBYTE, 'fast'), claim('Pending')), patch);
  assert.equal(changeOf(database(2 * GIBIBYTE), claim('Pending')), undefined);
});

test('a claim that has a class keeps it', () => {
  assert.equal(changeOf(database(2 * GIBIBYTE, 'rigid'), claim('Bound', 'fast')), undefined);
});

test('a volume grows where its class allows that, and never shrinks', () => {
  const patch = { spec: { resources: { requests: { storage: '3Gi' } } } };
  assert.deepEqual(changeOf(database(3 * GIBIBYTE), claim('Bound', 'fast')), patch);
  assert.equal(changeOf(database(3 * GIBIBYTE), claim('Bound', 'rigid')), undefined);
  assert.equal(changeOf(database(3 * GIBIBYTE), claim('Pending', 'fast')), undefined);
  assert.equal(changeOf(database(2 * GIBIBYTE), claim('Bound', 'fast')), undefined);
  assert.equal(changeOf(database(GIBIBYTE), claim('Bound', 'fast')), undefined);
});

const problemOf = (wanted: Database, live: PersistentVolumeClaim): string =>
  claimProblem(wanted, live, CLASSES) ?? 'none';

test('what a volume can’t be given is told with what to write instead', () => {
  assert.match(
    problemOf(database(GIBIBYTE), claim('Bound', 'fast')),
    /has 2Gi and never shrinks\. Write storage: 2Gi/,
  );
  assert.match(
    problemOf(database(2 * GIBIBYTE, 'rigid'), claim('Bound', 'fast')),
    /keeps it\. Write storageClass: fast/,
  );
  assert.match(
    problemOf(database(3 * GIBIBYTE), claim('Bound', 'rigid')),
    /rigid does not let the volume grow beyond 2Gi/,
  );
  assert.match(
    problemOf(database(3 * GIBIBYTE), claim('Bound', 'gone')),
    /gone does not let the volume grow/,
  );
});

test('nothing is told of what is there, or is on its way', () => {
  assert.equal(problemOf(database(2 * GIBIBYTE), claim('Bound', 'rigid')), 'none');
  assert.equal(problemOf(database(2 * GIBIBYTE, 'fast'), claim('Bound', 'fast')), 'none');
  assert.equal(problemOf(database(3 * GIBIBYTE), claim('Bound', 'fast')), 'none');
  assert.equal(problemOf(database(2 * GIBIBYTE, 'fast'), claim('Pending')), 'none');
});
