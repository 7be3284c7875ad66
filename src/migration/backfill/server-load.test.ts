import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadObstacle, smoothed } from './server-load.ts';

test('a backfill waits while many statements run', () => {
  assert.equal(loadObstacle({ Threads_running: 25 }, undefined), undefined);
  assert.match(loadObstacle({ Threads_running: 26 }, undefined) ?? '', /26 statements run/);
});

test('it waits when a node has slowed the cluster down since it looked last', () => {
  const paused = (ns: number): { wsrep_flow_control_paused_ns: number } => ({
    wsrep_flow_control_paused_ns: ns,
  });
  assert.equal(loadObstacle(paused(7), undefined), undefined);
  assert.equal(loadObstacle(paused(7), paused(7)), undefined);
  assert.match(loadObstacle(paused(8), paused(7)) ?? '', /a node of the cluster is behind/);
});

test('it waits while the redo log is nearly full, where the server tells', () => {
  assert.equal(loadObstacle({ Innodb_checkpoint_age: 80 }, undefined), undefined);
  const age = { Innodb_checkpoint_age: 95, Innodb_checkpoint_max_age: 100 };
  assert.equal(loadObstacle(age, undefined), undefined);
  const full = { ...age, Innodb_checkpoint_age: 96 };
  assert.match(loadObstacle(full, undefined) ?? '', /redo log/);
  assert.match(loadObstacle(full, undefined, 9) ?? '', /redo log/);
  assert.equal(loadObstacle(full, undefined, 10), undefined, 'a server at rest may leave it so');
});

test('one count alone says little of how much runs', () => {
  assert.equal(smoothed(undefined, 5), 5);
  assert.equal(smoothed(0, 5), 1);
  let mean = 0;
  for (let count = 0; count < 40; count += 1) mean = smoothed(mean, 5);
  assert.ok(Math.abs(mean - 5) < 0.01);
});
