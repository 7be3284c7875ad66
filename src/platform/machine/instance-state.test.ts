import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeInstance } from './instance-state.ts';
import type { HealthReport } from './health-watch.ts';
import type { ProcessRecord } from './process-record.ts';

const record: ProcessRecord = {
  id: 'login-1',
  mark: 'scope/login-1/abc',
  identity: { pid: 7, startTicks: 1, bootId: 'b' },
  service: 'login',
  ordinal: 1,
  template: 't',
  host: '127.0.0.1',
  port: 20_001,
  startedAt: 1_000,
  failures: 0,
};

const well: HealthReport = { ready: true, hung: false, since: 2_000 };
const ill: HealthReport = { ready: false, hung: false, since: 3_000, problem: '/ready answers 503' };

function stateOf(more: Partial<ProcessRecord>, health?: HealthReport): string {
  const { state, since } = observeInstance({ ...record, ...more }, health);
  return `${state} since ${since}`;
}

test('what is known last and weighs most decides the state', () => {
  assert.equal(stateOf({}), 'starting since 1000');
  assert.equal(stateOf({}, ill), 'starting since 1000');
  assert.equal(stateOf({ readyAt: 2_000 }, well), 'ready since 2000');
  assert.equal(stateOf({ readyAt: 2_000 }, ill), 'unready since 3000');
  assert.equal(stateOf({ readyAt: 2_000, leavingSince: 4_000 }, well), 'leaving since 4000');
  assert.equal(stateOf({ leavingSince: 4_000, stoppingSince: 5_000 }, well), 'stopping since 5000');
  assert.equal(stateOf({ stoppingSince: 5_000, signalledAt: 5_500 }, well), 'stopping since 5500');
  assert.equal(stateOf({ stoppingSince: 5_000, exitedAt: 6_000 }, well), 'dead since 6000');
});

test('a dead instance has no pid, and tells how it ended', () => {
  const dead = observeInstance({ ...record, exitedAt: 6_000, exit: 'exit code 1' }, undefined);
  assert.equal(dead.pid, undefined);
  assert.equal(dead.problem, 'exit code 1');
});

test('an instance that has never been ready is not hung: it has its start time for that', () => {
  const hung = { ...ill, hung: true };
  assert.equal(observeInstance(record, hung).hung, false);
  assert.equal(observeInstance({ ...record, readyAt: 2_000 }, hung).hung, true);
});

test('one failure may be chance, two in a row are called failed', () => {
  assert.equal(observeInstance({ ...record, failures: 1 }, ill).failed, false);
  assert.equal(observeInstance({ ...record, failures: 2 }, ill).failed, true);
});
