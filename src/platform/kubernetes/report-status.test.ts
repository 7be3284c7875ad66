import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeClient } from './api/kube-client.ts';
import type { AppObject } from './observe/kinds.ts';
import { reportStatus, type NewCondition, type NewStatus } from './report-status.ts';

const NOW = Date.parse('2026-01-01T10:00:00.789Z');
const LATER = NOW + 60_000;
const READY: NewCondition = { type: 'Ready', status: 'True', reason: 'Ready', message: 'all is well' };
const STATUS: NewStatus = {
  conditions: [READY],
  detail: { state: 'ready', services: [{ name: 'login', epoch: 7 }] },
};

/** What is there after reports to an App, and how many of them wrote. */
async function reported(
  reports: readonly [NewStatus, number][],
  generation = 1,
): Promise<{ app: AppObject; writes: number }> {
  let app: AppObject = {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop', namespace: 'team', generation, resourceVersion: '5' },
    spec: {},
  };
  let writes = 0;
  const client = {
    replaceStatus: (next: AppObject) => {
      assert.equal(next.metadata.resourceVersion, app.metadata.resourceVersion, 'the precondition is sent');
      writes += 1;
      app = next;
      return Promise.resolve(next);
    },
  };
  for (const [status, now] of reports) {
    const before = writes;
    const wrote = await reportStatus(client as unknown as KubeClient, app, status, now);
    assert.equal(wrote, writes > before);
  }
  return { app, writes };
}

function conditionsIn({ status }: AppObject): readonly Record<string, string>[] {
  return (status?.['conditions'] ?? []) as readonly Record<string, string>[];
}

test('what has not changed is not written again', async () => {
  const { app, writes } = await reported([
    [STATUS, NOW],
    [STATUS, LATER],
    [structuredClone(STATUS), LATER],
  ]);
  assert.equal(writes, 1);
  assert.equal(app.status?.['observedGeneration'], 1);
});

test('each change is written: another word, one condition or one entry less', async () => {
  const other: NewCondition = { ...READY, type: 'Stalled', status: 'False' };
  const changes: NewStatus[] = [
    { ...STATUS, detail: { ...STATUS.detail, state: 'changing' } },
    { ...STATUS, detail: { services: [] } },
    { ...STATUS, conditions: [{ ...READY, message: 'other words' }] },
    { ...STATUS, conditions: [READY, other] },
  ];
  for (const change of changes) {
    assert.equal(
      (
        await reported([
          [STATUS, NOW],
          [change, LATER],
        ])
      ).writes,
      2,
    );
    assert.equal(
      (
        await reported([
          [change, NOW],
          [STATUS, LATER],
        ])
      ).writes,
      2,
    );
  }
});

test('the time of a condition is that of its last change of status, in whole seconds', async () => {
  const reworded = { ...STATUS, conditions: [{ ...READY, message: 'other words' }] };
  const kept = await reported([
    [STATUS, NOW],
    [reworded, LATER],
  ]);
  assert.equal(conditionsIn(kept.app)[0]?.['lastTransitionTime'], '2026-01-01T10:00:00Z');
  const turned = { ...STATUS, conditions: [{ ...READY, status: 'False' as const }] };
  const changed = await reported([
    [STATUS, NOW],
    [turned, LATER],
  ]);
  assert.equal(conditionsIn(changed.app)[0]?.['lastTransitionTime'], '2026-01-01T10:01:00Z');
});

test('the epoch of an owner table stays told while the table is lost', async () => {
  const lost = { ...STATUS, detail: { services: [{ name: 'login' }] } };
  const nothing = { ...STATUS, detail: {} };
  const epochs = ({ status }: AppObject): unknown => status?.['services'];
  for (const reports of [[lost], [nothing], [lost, nothing, lost]]) {
    const { app } = await reported([
      [STATUS, NOW],
      ...reports.map((report): [NewStatus, number] => [report, LATER]),
    ]);
    assert.deepEqual(epochs(app), [{ name: 'login', epoch: 7 }]);
  }
  const next = { ...STATUS, detail: { services: [{ name: 'login', epoch: 8 }] } };
  assert.deepEqual(
    epochs(
      (
        await reported([
          [STATUS, NOW],
          [next, LATER],
        ])
      ).app,
    ),
    [{ name: 'login', epoch: 8 }],
  );
});

test('what changes with every write of a user is told along with something else', async () => {
  const told = (pending: number, alone: number): NewStatus => ({
    ...STATUS,
    detail: { state: 'ready', services: [{ name: 'login', epoch: 7, copies: { pending, alone } }] },
  });
  const copies = async (...all: NewStatus[]) => {
    const { app, writes } = await reported(all.map((status) => [status, NOW]));
    const services = (app.status?.['services'] ?? []) as readonly { copies: object }[];
    return { writes, copies: services[0]?.copies };
  };
  assert.deepEqual(await copies(told(1, 0), told(9, 0)), { writes: 1, copies: { pending: 1, alone: 0 } });
  assert.deepEqual(await copies(told(1, 0), told(9, 5)), { writes: 2, copies: { pending: 9, alone: 5 } });
});

test('sessions that come and go are told when they are a fifth more or less, or along with something else', async () => {
  const told = (sessions: number, state = 'ready'): NewStatus => ({
    ...STATUS,
    detail: { state, services: [{ name: 'login', epoch: 7, instances: [{ id: 'login-1', sessions }] }] },
  });
  const written = async (...all: NewStatus[]): Promise<number> =>
    (await reported(all.map((status) => [status, NOW]))).writes;
  assert.equal(await written(told(100), told(110), told(90), told(120)), 1);
  assert.equal(await written(told(100), told(121), told(110), told(96)), 3);
  assert.equal(await written(told(0), told(1)), 2);
  const { app } = await reported([
    [told(100), NOW],
    [told(110, 'changing'), NOW],
  ]);
  assert.match(JSON.stringify(app.status), /"sessions":110/);
});
