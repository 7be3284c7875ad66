import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { findProgram, requireProgram } from './programs.ts';

test('a program is found in the search path, and in system folders that the path lacks', () => {
  assert.equal(findProgram('flock', '/usr/bin'), '/usr/bin/flock');
  assert.equal(findProgram('haproxy', ''), '/usr/sbin/haproxy');
});

test('a missing program is named with the command that installs it', () => {
  assert.throws(
    () => requireProgram('haproxy', '/nowhere::.:relative', []),
    (error) => error instanceof UserError && error.message.includes('apt-get install haproxy'),
  );
});
