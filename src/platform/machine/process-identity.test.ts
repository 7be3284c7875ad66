import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { findMarked, identify, isAlive, MARK } from './process-identity.ts';

test('a process is known by pid and start: the same pid with another start is somebody else', async () => {
  const child = spawn('sleep', ['20']);
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  assert.ok(identity);
  assert.ok(isAlive(identity));
  assert.ok(!isAlive({ ...identity, startTicks: identity.startTicks - 1 }));
  assert.ok(!isAlive({ ...identity, bootId: 'another boot' }));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(!isAlive(identity));
});

test('a process without a record is found by its mark, and its children are told from it', async (t) => {
  const mark = `test-${process.pid}/login-1/x`;
  const child = spawn('sh', ['-c', 'sleep 20 & echo up; wait'], {
    detached: true,
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = child.pid ?? 0;
  t.after(() => process.kill(-pid, 'SIGKILL'));
  await once(child.stdout, 'data');
  const found = findMarked(`test-${process.pid}/`);
  assert.equal(found.length, 2);
  assert.deepEqual(
    found.filter((process) => process.leads).map((process) => process.pid),
    [pid],
  );
  assert.ok(found.every((process) => process.mark === mark));
});

test('a program with brackets and spaces in its name is read right', async (t) => {
  const child = spawn('bash', ['-c', 'exec -a x sleep 20'], { argv0: 'odd) name (' });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  assert.equal(identify(child.pid ?? 0)?.pid, child.pid);
});
