import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { shellCommand } from './shell-command.ts';

test('of a plain command the process is the program itself, also with variables before it', async (t) => {
  for (const run of ['sleep 20', 'GREETING="a b" sleep 20']) {
    const { program, args } = shellCommand(run);
    const child = spawn(program, args);
    t.after(() => child.kill('SIGKILL'));
    await once(child, 'spawn');
    const name = (): string => readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim();
    for (let tries = 0; name() !== 'sleep' && tries < 10_000; tries++) await new Promise(setImmediate);
    assert.equal(name(), 'sleep');
  }
});

test('a shell that stays lets its command finish before it follows SIGTERM', async () => {
  const { program, args } = shellCommand(
    'cd / && sh -c \'trap "sleep 0.3; echo finished; exit 0" TERM; echo up; sleep 20 & wait\'',
  );
  const child = spawn(program, args, { detached: true });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output === 'up\n' && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 143);
  assert.match(output, /finished/);
});
