import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentIn } from './silent-peers.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (remote: string, rest: string): string =>
  `   3: 0202A8C0:C350 ${remote} ${rest}        0        0 12345 2 0000000000000000 20 4 30 10 -1`;

test('a peer is silent when data has not been acknowledged over four timeouts', () => {
  const silent = line('0512C6C6:1F90', '01 0000003A:00000000 01:000000A0 00000004');
  assert.deepEqual(silentIn(`${HEAD}\n${silent}\n`, 'LE'), ['198.198.18.5']);
  assert.deepEqual(silentIn(silent, 'BE'), ['5.18.198.198']);
});

test('a peer that acknowledges, has no room, or is asked whether it lives is not silent', () => {
  const table = [
    line('0512C6C6:1F90', '01 0000003A:00000000 01:00000010 00000003'),
    line('0512C6C6:1F90', '01 0000003A:00000000 04:00000010 00000009'),
    line('0512C6C6:1F90', '01 00000000:00000000 02:00000010 00000002'),
    line('0512C6C6:1F90', '02 00000001:00000000 01:00000010 00000005'),
    '',
  ];
  assert.deepEqual(silentIn(table.join('\n'), 'LE'), []);
});

test('addresses of IPv6 are written as HAProxy writes them', () => {
  const remote = '000000FD00000000000000000100A8C0';
  const silent = line(`${remote}:1F90`, '01 0000003A:00000000 01:00000010 0000000A');
  assert.deepEqual(silentIn(silent, 'LE'), ['fd00::c0a8:1']);
});
