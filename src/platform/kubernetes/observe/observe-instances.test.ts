import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import type { InstanceObservation } from '../../observation.ts';
import type { Pod } from './kinds.ts';
import { observeInstances } from './observe-instances.ts';

const APP = appFromData({ name: 'shop', services: { web: { image: 'web:1' } } });
const AT = '2026-01-01T00:00:00Z';

type Container = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

interface Case {
  readonly metadata?: Partial<Pod['metadata']>;
  readonly status?: Pod['status'];
  readonly node?: string;
  readonly web?: Partial<Container>;
  readonly ready?: boolean;
}

function pod({ metadata = {}, status = {}, node = 'one', web = {}, ready = false }: Case = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop-web-1',
      namespace: 'team',
      uid: 'uid1',
      labels: { 'holdfast.dev/app': 'shop', 'holdfast.dev/service': 'web' },
      annotations: { 'holdfast.dev/template': 't1' },
      creationTimestamp: AT,
      ...metadata,
    },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'web',
          image: 'web:1',
          startupProbe: { periodSeconds: 1, failureThreshold: 30, terminationGracePeriodSeconds: 15 },
        },
      ],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.7',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: AT }],
      containerStatuses: [{ name: 'web', ready, started: ready, restartCount: 0, ...web }],
      ...status,
    },
  };
}

function seen(given: Case, silent: readonly string[] = []): InstanceObservation | undefined {
  return observeInstances({ app: APP, pods: [pod(given)], silent: new Set(silent), users: {} })[0];
}

const LEAVES = { deletionTimestamp: '2026-01-01T00:01:00Z', deletionGracePeriodSeconds: 45 };

test('a ready pod is an instance with the template, address and life of the pod', () => {
  const { id, service, template, incarnation, state, host, port, node, failed } = seen({ ready: true }) ?? {};
  assert.deepEqual([id, service, template, incarnation], ['shop-web-1', 'web', 't1', 'uid1/0']);
  assert.deepEqual([state, host, port, node, failed], ['ready', '10.0.0.7', 8080, 'one', false]);
});

test('one that has never been ready starts; one that was is unready, and may still hold its users', () => {
  assert.equal(seen({})?.state, 'starting');
  assert.equal(seen({ web: { started: true } })?.state, 'unready');
});

test('a container that was started again is another incarnation of the same instance', () => {
  assert.equal(seen({ ready: true, web: { restartCount: 2 } })?.incarnation, 'uid1/2');
});

test('a pod that is being deleted leaves until its grace is over, since it was told so', () => {
  const leaving = seen({ metadata: LEAVES, ready: true });
  assert.equal(leaving?.state, 'leaving');
  assert.equal(leaving.leaveBy, Date.parse('2026-01-01T00:01:00Z'));
  assert.equal(leaving.since, Date.parse('2026-01-01T00:00:15Z'));
});

test('a pod that is being deleted is dead once its container has ended, or its node does not answer', () => {
  const ended = { state: { terminated: { exitCode: 0 } } };
  assert.equal(seen({ metadata: LEAVES, web: ended })?.state, 'dead');
  assert.equal(seen({ metadata: LEAVES, ready: true }, ['one'])?.state, 'dead');
  assert.equal(seen({ metadata: LEAVES, ready: true }, ['two'])?.state, 'leaving');
});

test('a silent node alone takes no instance out: it may still work', () => {
  const lost = seen({ web: { started: true } }, ['one']);
  assert.deepEqual(
    [lost?.state, lost?.problem, lost?.failed],
    ['unready', 'node one does not answer', false],
  );
});

/** A container with 30 s to get ready and 15 s to end that has lived for `lived` seconds, again and again. */
function neverReady(lived: number, end: { readonly exitCode: number; readonly message?: string }): Case {
  const finishedAt = new Date(Date.parse(AT) + lived * 1000).toISOString();
  return {
    web: {
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { ...end, startedAt: AT, finishedAt } },
    },
  };
}

const TROUBLES: Readonly<Record<string, [Case, RegExp, boolean, InstanceObservation['state']]>> = {
  'a crash loop': [
    {
      web: {
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
        lastState: { terminated: { exitCode: 1, message: 'Cannot find module x\n' } },
      },
    },
    /^web: CrashLoopBackOff: exit code 1: Cannot find module x$/,
    true,
    'starting',
  ],
  'an image that can’t be pulled': [
    { web: { state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image web:9' } } } },
    /^web: ImagePullBackOff: no such image web:9$/,
    true,
    'starting',
  ],
  'an end for not getting ready in time': [
    neverReady(30, { exitCode: 0, message: 'listens on 8080\n' }),
    /^web: CrashLoopBackOff: it was not ready within health\.start \(30s\): .*: listens on 8080$/,
    true,
    'starting',
  ],
  'one that had to be forced': [
    neverReady(46, { exitCode: 137 }),
    /it was not ready within health\.start \(30s\)/,
    true,
    'starting',
  ],
  'an end of its own, without a fault': [neverReady(3, { exitCode: 0 }), /exit code 0$/, true, 'starting'],
  'a failure of its own after just that time': [
    neverReady(30, { exitCode: 1 }),
    /exit code 1$/,
    true,
    'starting',
  ],
  'too little memory, again and again': [
    {
      web: {
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
      },
    },
    /needed more memory than its limit \(raise resources\.memory\)/,
    true,
    'starting',
  ],
  'no node that takes it': [
    {
      status: {
        phase: 'Pending',
        conditions: [
          { type: 'PodScheduled', status: 'False', message: '0/2 nodes are available: 2 Insufficient cpu.' },
        ],
        containerStatuses: [],
      },
    },
    /^no node takes it: 0\/2 nodes are available/,
    false,
    'starting',
  ],
  'an eviction': [
    { status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } },
    /^Evicted: The node was low on resource/,
    true,
    'dead',
  ],
  'a Secret that is missing': [
    {
      web: {
        state: { waiting: { reason: 'CreateContainerConfigError', message: 'secret "mail" not found' } },
      },
    },
    /^web: CreateContainerConfigError: secret "mail" not found$/,
    true,
    'starting',
  ],
};

for (const [what, [given, words, failed, state]] of Object.entries(TROUBLES)) {
  test(`${what} is told in words, and whether it will pass`, () => {
    const found = seen(given);
    assert.match(found?.problem ?? '', words);
    assert.deepEqual([found?.failed, found?.state], [failed, state]);
  });
}

test('an init container that waits is no trouble; one that has failed says why', () => {
  const waits = {
    name: 'wait-for-migrations',
    ready: false,
    restartCount: 0,
    state: { running: { startedAt: AT } },
  };
  const pending = {
    phase: 'Pending',
    conditions: [],
    containerStatuses: [
      { name: 'web', ready: false, restartCount: 0, state: { waiting: { reason: 'PodInitializing' } } },
    ],
  };
  const waiting = seen({ status: { ...pending, initContainerStatuses: [waits] } });
  assert.deepEqual([waiting?.state, waiting?.problem, waiting?.failed], ['starting', undefined, false]);
  const hole = {
    ...waits,
    restartCount: 3,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 2, message: 'V3__x.sql is missing' } },
  };
  const failed = seen({ status: { ...pending, initContainerStatuses: [hole] } });
  assert.match(
    failed?.problem ?? '',
    /^wait-for-migrations: CrashLoopBackOff: exit code 2: V3__x\.sql is missing$/,
  );
  assert.equal(failed?.failed, true);
});

test('pods that are no instances are none, and those of a service that is gone count while they live', () => {
  const of = (labels: Record<string, string>, status: Pod['status'] = {}): Pod =>
    pod({ metadata: { labels: { 'holdfast.dev/app': 'shop', ...labels } }, status });
  const pods = [
    of({ 'app.kubernetes.io/name': 'router' }),
    of({ 'holdfast.dev/service': 'web' }, { phase: 'Succeeded' }),
    of({ 'holdfast.dev/service': 'gone' }, { phase: 'Failed' }),
    of({ 'holdfast.dev/service': 'gone' }),
  ];
  const found = observeInstances({ app: APP, pods, silent: new Set(), users: {} });
  assert.deepEqual(
    found.map(({ service, state }) => [service, state]),
    [['gone', 'starting']],
  );
});

test('the oldest pod is the first, and users and ranks are as they were told', () => {
  const named = (name: string, creationTimestamp: string, annotations = {}): Pod =>
    pod({ metadata: { name, creationTimestamp, annotations } });
  const pods = [
    named('c', '2026-01-01T00:00:02Z'),
    named('b', AT, { 'controller.kubernetes.io/pod-deletion-cost': '7' }),
    named('a', AT),
  ];
  const found = observeInstances({ app: APP, pods, silent: new Set(), users: { c: 3 } });
  assert.deepEqual(
    found.map(({ id, ordinal, users, rank }) => [id, ordinal, users, rank]),
    [
      ['a', 1, undefined, undefined],
      ['b', 2, undefined, 7],
      ['c', 3, 3, undefined],
    ],
  );
});
