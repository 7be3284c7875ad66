/** Three processes of a service with sessions, under load, moved, killed and frozen. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RIGHT_MS, WAIT_MS } from '../../src/session/timing.ts';
import { TestCluster, type ServiceProcess } from './support/cluster.ts';
import { assertKept, listOf, Load, runTwice } from './support/load.ts';

const IDS = ['notes-1', 'notes-2', 'notes-3'];
const USERS = 24;
/** A slot that is handed over at a time: a third of what an instance owns. */
const STEP = 7500;

function all<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('it is not there');
  return found;
}

async function handAllOver(cluster: TestCluster, from: ServiceProcess, to: ServiceProcess): Promise<void> {
  for (let slots = cluster.slotsOf(from); slots.length > 0; slots = cluster.slotsOf(from)) {
    await cluster.handOver(from, to, { slots: slots.slice(0, STEP), as: 'owner' });
  }
}

async function replaceAsSecond(cluster: TestCluster, leaving: ServiceProcess): Promise<void> {
  const left = leaving.member.incarnation;
  for (const owner of cluster.processes.filter((process) => process !== leaving)) {
    const to = all(cluster.processes.find((process) => process !== owner && process !== leaving));
    const slots = cluster.slotsOf(owner).filter((slot) => cluster.table.rows[slot]?.second === left);
    await cluster.handOver(owner, to, { slots, as: 'second' });
  }
}

test('all slots of an instance are handed over under load: nothing is lost, nothing fails, and it may end', async () => {
  await using cluster = await TestCluster.start(IDS);
  await using load = new Load(cluster, USERS, 5);
  await load.more(200);
  const leaving = cluster.at(0);
  const ended = once(leaving.child, 'exit');
  leaving.child.kill('SIGTERM');
  await handAllOver(cluster, leaving, cluster.at(1));
  cluster.unroute(leaving);
  await replaceAsSecond(cluster, leaving);
  await load.more(200);
  await load.end();
  assert.deepEqual(load.failed, []);
  for (const { name, acknowledged } of load.users) {
    assert.deepEqual(await listOf(cluster, name), acknowledged, name);
  }
  assert.deepEqual(runTwice(cluster.processes.map(({ ran }) => ran)), []);
  assert.deepEqual(await ended, [0, null]);
});

test('an instance is killed under load, and then another: no acknowledged write is lost', async () => {
  await using cluster = await TestCluster.start(IDS);
  await using load = new Load(cluster, USERS, 0);
  const processes = [...cluster.processes];
  for (const victim of processes.slice(0, 2)) {
    await load.more(200);
    await cluster.crash(victim);
    if (cluster.processes.length > 1) await cluster.settled();
  }
  await load.more(200);
  await load.end();
  await assertKept(cluster, load);
  assert.deepEqual(runTwice(processes.map(({ ran }) => ran)), []);
});

test('an owner that was frozen while another took over answers nobody from memory', async () => {
  await using cluster = await TestCluster.start(IDS);
  const user = 'ann';
  const old = all(cluster.ownerOf(user));
  const append = async (to: ServiceProcess, n: number): Promise<number> => {
    const url = `${to.member.http}/append?n=${n}`;
    const answer = await fetch(url, { method: 'POST', headers: { 'x-user': user } });
    await answer.text();
    return answer.status;
  };
  assert.equal(await append(old, 1), 200);
  const slept = fetch(`${old.member.http}/slow?ms=100`, { headers: { 'x-user': user } });
  while (!old.ran.some((line) => line.startsWith('/slow'))) await new Promise(setImmediate);
  old.child.kill('SIGSTOP');
  const late = fetch(`${old.member.http}/list`, { headers: { 'x-user': user } });
  const frozen = old.member.incarnation;
  await cluster.publish(
    (_, { owner, second }) =>
      owner === frozen
        ? { owner: second, second: undefined }
        : { owner, second: second === frozen ? undefined : second },
    [old],
  );
  const next = all(cluster.ownerOf(user));
  assert.equal(await append(next, 2), 200);
  const told = cluster.tell();
  old.child.kill('SIGCONT');
  assert.equal((await slept).status, 503);
  assert.deepEqual(await (await late).json(), [1, 2], 'it is forwarded, not answered from memory');
  await told;
  assert.deepEqual(await listOf(cluster, user), [1, 2]);
});

test('an answer whose right has lapsed, as the second owner stood still, waits until it has come again', async () => {
  await using cluster = await TestCluster.start(IDS.slice(0, 2));
  const owner = all(cluster.ownerOf('cleo'));
  const second = all(cluster.processes.find((process) => process !== owner));
  const headers = { 'x-user': 'cleo' };
  const appended = await fetch(`${owner.member.http}/append?n=1`, { method: 'POST', headers });
  assert.equal(appended.status, 200);
  // Longer than the right, which was given before the second owner stood still.
  const slept = fetch(`${owner.member.http}/slow?ms=${RIGHT_MS + 300}`, { headers });
  while (!owner.ran.some((line) => line.startsWith('/slow'))) await new Promise(setImmediate);
  second.child.kill('SIGSTOP');
  while (!owner.ran.some((line) => line.startsWith('/slept'))) await new Promise(setImmediate);
  second.child.kill('SIGCONT');
  const answer = await slept;
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), [1]);
});

test('a write whose acknowledgement came while its owner stood still has not waited too long', async () => {
  await using cluster = await TestCluster.start(IDS.slice(0, 2));
  const owner = all(cluster.ownerOf('cleo'));
  const second = all(cluster.processes.find((process) => process !== owner));
  const append = (n: number): Promise<Response> =>
    fetch(`${owner.member.http}/append?n=${n}`, { method: 'POST', headers: { 'x-user': 'cleo' } });
  assert.equal((await append(1)).status, 200);
  second.child.kill('SIGSTOP');
  const written = append(2);
  while (!owner.ran.some((line) => line.startsWith('/append?n=2'))) await new Promise(setImmediate);
  owner.child.kill('SIGSTOP');
  second.child.kill('SIGCONT');
  await sleep(WAIT_MS + 500);
  owner.child.kill('SIGCONT');
  const answer = await written;
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.deepEqual(await listOf(cluster, 'cleo'), [1, 2]);
});

test('a WebSocket is closed with 1012, and a stream of events ended, when its slot is handed over', async () => {
  await using cluster = await TestCluster.start(IDS.slice(0, 2));
  const owner = all(cluster.ownerOf('bob'));
  const other = all(cluster.processes.find((process) => process !== owner));
  const closed = closeCode(other, 'bob');
  const events = await fetch(`${owner.member.http}/events`, { headers: { 'x-user': 'bob' } });
  const ended = events.text();
  while (!closed.isOpen()) await new Promise((resolve) => setTimeout(resolve, 5));
  await cluster.handOver(owner, other, { slots: cluster.slotsOf(owner), as: 'owner' });
  assert.equal(await closed.code, 1012);
  assert.equal(await ended, 'data: hello\n\n');
});

/** Opens a WebSocket by hand, since the user is in a header; gives the code of the first close frame. */
function closeCode(
  { member }: ServiceProcess,
  user: string,
): { isOpen: () => boolean; code: Promise<number> } {
  const { hostname, port } = new URL(member.http);
  const socket = connect(Number(port), hostname);
  let bytes = Buffer.alloc(0);
  const headAt = (): number => bytes.indexOf('\r\n\r\n');
  socket.write(
    `GET /socket HTTP/1.1\r\nHost: notes\r\nx-user: ${user}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  const code = new Promise<number>((resolve, reject) => {
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      const at = headAt() + 4;
      if (headAt() === -1 || bytes.length < at + 4) return;
      assert.equal(bytes[at], 0x88);
      resolve(bytes.readUInt16BE(at + 2));
      socket.end();
    });
    socket.on('error', reject);
  });
  return { isOpen: () => bytes.subarray(0, 12).toString() === 'HTTP/1.1 101' && headAt() !== -1, code };
}
