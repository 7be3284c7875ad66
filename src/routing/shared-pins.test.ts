import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { configuredPeers, listedIds, pinnedIds } from './runtime-replies.ts';
import { rangesBetween } from './shared-pins.ts';

const inside = (id: number, { above, below }: { above: number; below: number }): boolean =>
  id > above && id < below;

test('the ranges between known ids have every other id once and none of the known', () => {
  const ids = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(fc.array(ids), ids, (known, id) => {
      const holding = rangesBetween(known).filter((range) => inside(id, range)).length;
      assert.equal(holding, known.includes(id) ? 0 : 1);
    }),
  );
});

test('the other routers are read from what HAProxy says of its peers', () => {
  const reply = [
    '0x55a869ddf740: [23/Nov/2026:01:39:10] id=hp disabled=0 flags=0x6833 resync_timeout=<PAST> task_calls=15',
    '  0x55a869de2850: id=b(remote,active) addr=127.0.0.3:1024 last_status=ESTA last_hdshk=17s',
    '        xprt=RAW src=127.0.0.1:44942 addr=127.0.0.2:1024',
    '  0x55a869ddf8b0: id=a(local,inactive) addr=127.0.0.2:1024 last_status=NONE last_hdshk=<NEVER>',
  ].join('\n');
  assert.deepEqual(configuredPeers(reply), [{ name: 'b', address: '127.0.0.3:1024' }]);
  assert.deepEqual(configuredPeers(''), []);
});

test('pinned ids are read from the entries of a stick table', () => {
  const reply = [
    '# table: login, type: string, size:204800, used:2',
    '0x1: key=2F use=0 exp=1 server_id=2222 server_key=s-2',
    '0x2: key=30 use=0 exp=1 server_id=7 server_key=s-7',
  ].join('\n');
  assert.deepEqual(pinnedIds(reply), new Set([2222, 7]));
});

test('the ids in a list are read, the one that stands for no server left out', () => {
  assert.deepEqual(listedIds('0x563e80c68510 0\n0x7fcf30047cc0 77\n0x7f 8'), new Set([77, 8]));
  assert.deepEqual(listedIds('Unknown ACL identifier. Please use #<id> or <file>.'), new Set());
});
