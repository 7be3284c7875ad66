/** Instances whose clocks disagree, by two days and by 8 % in their rate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster, type ServiceProcess } from './support/cluster.ts';
import { assertKept, Load, runTwice } from './support/load.ts';

const IDS = ['notes-1', 'notes-2', 'notes-3'];
const USERS = 24;

async function handOver(cluster: TestCluster, from: ServiceProcess, to: ServiceProcess): Promise<void> {
  const slots = cluster.slotsOf(from);
  assert.deepEqual(await cluster.handOver(from, to, { slots, as: 'owner' }), slots);
}

test('sessions go from clock to clock, by hand-over and by crash: none is lost, none ends before its time', async () => {
  await using cluster = await TestCluster.start(IDS, 'skewed-notes');
  await using load = new Load(cluster, USERS, 5);
  const processes = [...cluster.processes];
  const [behind, right, ahead] = processes;
  assert.ok(behind !== undefined && right !== undefined && ahead !== undefined);
  await load.more(100);
  await load.end();
  await handOver(cluster, behind, ahead);
  await handOver(cluster, right, behind);
  await assertKept(cluster, load);
  for (const victim of [ahead, behind]) {
    await cluster.settled();
    await cluster.crash(victim);
    await assertKept(cluster, load);
  }
  assert.deepEqual(runTwice(processes.map(({ ran }) => ran)), []);
});
