import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explained } from './statement-error.ts';

function serverError(errno: number, message: string): Error {
  return Object.assign(new Error(message), { errno });
}

test('a server without room to write is recognised in every way in which it says so', () => {
  for (const [errno, message] of [
    [1114, "The table 'm' is full"],
    [1878, 'Temporary file write failure'],
    [1030, "Got error 59 'Temp file write failure' from InnoDB"],
    [1030, 'Got error 28 "No space left on device" from storage engine Aria'],
    [1021, 'Disk full (/tmp/x); waiting for someone to free some space...'],
  ] as const)
    assert.match(
      explained(serverError(errno, message)),
      /^(.*) \(the server has no room to write: .*Make room/,
    );
});

test('whatever else a server says stays as it is', () => {
  for (const [errno, message] of [
    [1146, "Table 'app.m' doesn't exist"],
    [1030, 'Got error 168 "Unknown (generic) error from engine" from storage engine InnoDB'],
  ] as const)
    assert.equal(explained(serverError(errno, message)), message);
  assert.equal(explained(new Error('read ECONNRESET')), 'read ECONNRESET');
});
