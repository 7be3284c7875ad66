import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApp } from '../app/parse.ts';
import type { InstanceObservation, InstanceState, Observation } from '../platform/observation.ts';
import { alike } from '../routing/tables/member.ts';
import { steadyTable } from '../routing/tables/steady.ts';
import { statusOf, type InstanceStatus } from './status.ts';

const app = parseApp(
  'name: shop\nservices:\n  login: { run: x, stateful: { key: { header: u } } }\nroutes: { /: login }\n',
  'holdfast.yaml',
);
const table = steadyTable(undefined, 'login', alike(['login-1', 'login-2']));

function instance(id: string, state: InstanceState, more: Partial<InstanceObservation>): InstanceObservation {
  const times = { since: 0, startedAt: 0, failures: 0, hung: false, signalled: false, failed: false };
  const place = { host: '127.0.0.1', port: 1, template: 't', incarnation: `${id}-x` };
  return { id, service: 'login', ordinal: Number(id.at(-1)), state, ...times, ...place, ...more };
}

function shown(
  instances: readonly InstanceObservation[],
  pins: number,
  of = { app, table },
): readonly InstanceStatus[] {
  const server = { host: '127.0.0.1', port: 1, up: true, draining: false, requests: 0 };
  const servers = instances.map(({ id }) => ({ name: id, ...server, pins }));
  const observed: Observation = {
    now: 0,
    database: { state: 'none' },
    migrations: { state: 'none', applied: 0, pending: 0 },
    instances,
    router: { state: 'ready', since: 0, backends: { login: { epoch: 1, servers } } },
  };
  const wanted = { app: of.app, templates: { login: 't' }, structure: 's' };
  const desired = { wanted, inForce: wanted, scale: {} };
  const status = statusOf({ desired, observed, phases: [], tables: { login: of.table }, atWork: false });
  return status.services[0]?.instances ?? [];
}

test('a leaving instance shows who is left, and until when they may stay', () => {
  const [first, second] = shown(
    [instance('login-1', 'ready', {}), instance('login-2', 'leaving', { leaveBy: 9 })],
    5,
  );
  assert.deepEqual([first?.pinned, first?.leaveBy], [undefined, undefined]);
  assert.deepEqual([second?.pinned, second?.leaveBy], [5, 9]);
  assert.ok(Math.abs((first?.share ?? 0) - 0.5) < 0.001);
});

test('where sessions are handed over, those that are left are told by the instance itself', () => {
  const counts = { frozenFor: 0, lacking: [], incomplete: 0, alone: 0, pending: 0, unreadable: 0 };
  const answer = { instance: 'login-2', incarnation: 'login-2-x', epoch: 1, sessions: 7, ...counts };
  const session = { isSilent: false, answer };
  const [, leaving] = shown(
    [instance('login-1', 'ready', {}), instance('login-2', 'leaving', { session })],
    0,
  );
  assert.equal(leaving?.pinned, 7);
  const [first, second] = shown(
    [instance('login-1', 'ready', { session }), instance('login-2', 'ready', {})],
    0,
  );
  assert.deepEqual([first?.sessions, second?.sessions, first?.pinned], [7, undefined, undefined]);
});

test('an instance that warms up shows how much of its share it has', () => {
  const slow = parseApp(
    'name: shop\nservices:\n  login: { run: x, stateful: { key: { header: u }, warmup: 1m } }\nroutes: { /: login }\n',
    'holdfast.yaml',
  );
  const before = steadyTable(undefined, 'login', alike(['login-1']));
  const members = [
    { id: 'login-1', weight: 10 },
    { id: 'login-2', weight: 3 },
  ];
  const warming = { app: slow, table: steadyTable(before, 'login', members) };
  const instances = [instance('login-1', 'ready', {}), instance('login-2', 'ready', {})];
  assert.deepEqual(
    shown(instances, 0, warming).map(({ warm }) => warm),
    [undefined, 0.3],
  );
  assert.deepEqual(
    shown(instances, 0, { app, table: warming.table }).map(({ warm }) => warm),
    [undefined, undefined],
  );
});
