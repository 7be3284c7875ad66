/** A service that writes without end fills no disk, and its newest lines can be read all the time. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { olderLog, sizeOf } from '../../src/platform/machine/log-file.ts';
import { ask } from '../routing/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';

const CHATTY = `name: chatty
services:
  chatty: { run: "${services.chatty}", instances: { min: 1 } }
logs: { size: 64Ki }
`;
const LOG_BYTES = 65_536;
/** 100 MB in all, with a cut after each round. */
const ROUNDS = 4;
const PORTIONS = 5;
const PORTION_BYTES = 5_000_000;

test('100 MB of output are bounded while they are written and followed', async () => {
  await using app = await AppFolder.create(CHATTY);
  await app.must('up', '--detach');
  const port = await app.routerPort();
  const pids = app.pids();
  const write = async (bytes: number): Promise<number> => {
    const { status, body } = await ask(port, { path: `/?bytes=${bytes}` });
    assert.equal(status, 200);
    return (JSON.parse(body) as { lines: number }).lines;
  };
  const follower = app.start(['logs', 'chatty', '--follow', '--lines', '1']);
  try {
    await write(100);
    await eventually('the follower shows the first line', () => /line 1\./.test(follower.output()));

    let lines = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let portion = 0; portion < PORTIONS; portion++) lines = await write(PORTION_BYTES);
      await eventually('the log is cut, its end is kept', () => isBounded(app));
    }

    const last = await write(100);
    assert.equal(last, lines + 1, 'it is the same process, which lost nothing of its memory');
    const newest = new RegExp(`^chatty-1 +\\| line ${last}\\.`, 'm');
    await eventually('the follower goes on over the cuts', () => newest.test(follower.output()));
    const shown = await app.must('logs', 'chatty-1', '-n', '1');
    assert.match(shown.stdout, newest);
    assert.equal(shown.stdout.trim().split('\n').length, 1);
  } finally {
    follower.signal('SIGINT');
  }
  assert.equal((await follower.result).code, 0);
  assert.deepEqual(app.pids(), pids);
});

async function isBounded(app: AppFolder): Promise<boolean> {
  const log = join(app.state.logs, 'chatty-1.log');
  const [current, older] = await Promise.all([sizeOf(log), sizeOf(olderLog(log))]);
  return current <= LOG_BYTES && older > 0 && older <= LOG_BYTES;
}
