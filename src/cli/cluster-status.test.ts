import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppObject, Condition } from '../platform/kubernetes/observe/kinds.ts';
import { statusOfApp, withAsked } from './cluster-status.ts';
import { isDecided } from './progress.ts';

interface Seen {
  readonly generation?: number;
  readonly observed?: number;
  readonly conditions?: readonly Condition[];
  readonly detail?: Readonly<Record<string, unknown>>;
}

const READY: readonly Condition[] = [{ type: 'Ready', status: 'True', message: 'as wanted' }];
const ROLLED_BACK: readonly Condition[] = [
  { type: 'Ready', status: 'False', reason: 'RolledBack', message: 'web is not ready' },
  { type: 'Stalled', status: 'True', message: 'web is not ready', lastTransitionTime: 't1' },
];

function app({ generation = 1, observed = 1, conditions = READY, detail = {} }: Seen = {}): AppObject {
  const instances = [
    { id: 'web-a', state: 'ready', address: 'a:1', incarnation: 'a/0', since: 0, failures: 0, failed: false },
    { id: 'web-b', state: 'ready', address: 'b:1', incarnation: 'b/0', since: 0, failures: 0, failed: false },
  ];
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop', generation },
    spec: {},
    status: {
      observedGeneration: observed,
      conditions,
      name: 'shop',
      state: 'ready',
      url: 'http://shop',
      services: [{ name: 'web', stateful: false, wanted: 2, ready: 2, instances }],
      database: { topology: 'none', state: 'none' },
      migrations: { state: 'none', applied: 0, pending: 0 },
      router: { state: 'ready' },
      waiting: [],
      ...detail,
    },
  };
}

test('an App that is ready has the status of a machine', () => {
  const { state, url, services, problem } = statusOfApp(app());
  assert.deepEqual([state, url, problem], ['ready', 'http://shop', undefined]);
  assert.equal(services[0]?.instances[0]?.pid, null);
  assert.ok(!('conditions' in statusOfApp(app())));
});

test('until the controller has seen a change, the App is changing', () => {
  const status = statusOfApp(app({ generation: 2 }));
  assert.equal(status.state, 'changing');
  assert.match(status.waiting[0]?.reason ?? '', /has not looked/);
});

test('an App without a status is shown too', () => {
  const { status: _, ...fresh } = app();
  assert.equal(statusOfApp(fresh).state, 'changing');
  for (const object of [fresh, { ...fresh, status: { observedGeneration: 0 } }])
    assert.match(statusOfApp(object).waiting[0]?.reason ?? '', /no controller/);
});

test('what was rolled back is failing although everything in force is ready, and that is decided', () => {
  const status = statusOfApp(app({ conditions: ROLLED_BACK }));
  assert.deepEqual([status.state, status.problem], ['failing', 'web is not ready']);
  assert.ok(isDecided(status));
});

test('a number that was asked for is waited for until the status has it', () => {
  const object = app();
  const asked = { counts: { web: 3 } };
  assert.equal(withAsked(statusOfApp(object), object, asked).state, 'changing');
  const heard = app({ detail: { services: [{ name: 'web', wanted: 3, ready: 3, instances: [] }] } });
  assert.equal(withAsked(statusOfApp(heard), heard, asked).state, 'ready');
});

test('a restart is over when the instances from before are gone', () => {
  const object = app();
  const replaced = (ids: readonly string[]): string =>
    withAsked(statusOfApp(object), object, { replaced: { web: ids } }).state;
  assert.equal(replaced(['web-b', 'web-c']), 'changing');
  assert.equal(replaced(['web-c']), 'ready');
});

test('migrations that failed before are not taken for ones that fail again', () => {
  const held = { migrations: { state: 'held', applied: 0, pending: 1, problem: 'bad' } };
  const before = app({ conditions: ROLLED_BACK, detail: held });
  const status = withAsked(statusOfApp(before), before, { heldSince: 't1' });
  assert.deepEqual(
    [status.state, status.problem, status.migrations.problem],
    ['changing', undefined, undefined],
  );
  const again = ROLLED_BACK.map((condition) => ({ ...condition, lastTransitionTime: 't2' }));
  const after = app({ conditions: again, detail: held });
  assert.equal(withAsked(statusOfApp(after), after, { heldSince: 't1' }).state, 'failing');
});
