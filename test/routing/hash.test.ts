import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pinKey } from '../../src/routing/haproxy-backend.ts';
import { slotOf, SLOTS } from '../../src/routing/owner-table.ts';
import { eventually, freePort, haproxyBinary, HOST } from '../support/haproxy.ts';
import { ask, asHeader } from './load.ts';

const resources = new AsyncDisposableStack();
let port = 0;

before(async () => {
  port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-hash-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  await writeFile(
    file,
    [
      'defaults',
      '  mode http',
      '  timeout client 10s',
      'frontend hash',
      `  bind ${HOST}:${port}`,
      `  http-request return status 200 content-type text/plain lf-string "%[req.fhdr(x-user),xxh32,mod(${SLOTS})] %[req.fhdr(x-user),xxh64,hex]"`,
      '',
    ].join('\n'),
  );
  const child = spawn(await haproxyBinary(), ['-db', '-f', file], { stdio: 'ignore' });
  resources.defer(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  await eventually('HAProxy answers', () =>
    ask(port, { headers: { 'x-user': 'a' } }).then(
      () => true,
      () => false,
    ),
  );
});

after(() => resources.disposeAsync());

async function assertSame(key: string): Promise<void> {
  const { body } = await ask(port, { headers: { 'x-user': asHeader(key) } });
  assert.equal(body, `${slotOf(key)} ${pinKey(key)}`, JSON.stringify(key));
}

test('HAProxy computes the same slot and pin for keys of every length', async () => {
  for (let length = 1; length <= 130; length += 1) {
    await assertSame(Array.from({ length }, (_, at) => String.fromCodePoint(97 + (at % 26))).join(''));
  }
  await assertSame('long '.repeat(1_600).trim());
});

test('HAProxy computes the same slot and pin for an empty key', () => assertSame(''));

test('HAProxy computes the same slot and pin for keys beyond ASCII and with punctuation', async () => {
  const keys = [
    'zoë',
    'Ærøskøbing',
    'Пётр',
    '山田太郎',
    '😀🏳️‍🌈',
    'a,b',
    'o"neill',
    "d'arc",
    'a;b=c',
    'x  y',
    '%20',
    '\\',
  ];
  for (const key of keys) await assertSame(key);
});

test('HAProxy computes the same slot and pin for five hundred users', async () => {
  for (let user = 0; user < 500; user += 1) await assertSame(`user-${user * 7_919}@example.org`);
});
