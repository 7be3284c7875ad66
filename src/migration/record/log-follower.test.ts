import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogFollower, type LogEntry } from './log-follower.ts';

function entry(thread: number, command: string, argument: string, user = 'shop'): LogEntry {
  return { thread, userHost: `${user}[${user}] @ web [10.0.0.7]`, command, argument };
}

function statementsOf(follower: LogFollower, entries: readonly LogEntry[]): string[] {
  return entries.flatMap((one) => {
    const sent = follower.follow(one);
    return sent ? [`${sent.account}: ${sent.sql}`] : [];
  });
}

test('statements count when their connection is in the database just then', () => {
  const follower = new LogFollower({ database: 'app' });
  follower.know([
    { thread: 1, database: 'app' },
    { thread: 2, database: null },
  ]);
  const entries = [
    entry(1, 'Query', 'SELECT 1'),
    entry(2, 'Query', 'SELECT 2'),
    entry(2, 'Init DB', 'app'),
    entry(2, 'Query', 'SELECT 3'),
    entry(3, 'Connect', 'shop@web on app using TCP/IP'),
    entry(3, 'Prepare', 'SELECT ?'),
    entry(3, 'Execute', 'SELECT 4'),
    entry(3, 'Query', 'use `other`'),
    entry(3, 'Query', 'SELECT 5'),
    entry(4, 'Connect', 'shop@web on  using Socket'),
    entry(4, 'Query', 'SELECT 6'),
    entry(1, 'Quit', ''),
    entry(1, 'Query', 'SELECT 7'),
  ];
  assert.deepEqual(statementsOf(follower, entries), ['shop: SELECT 1', 'shop: SELECT 3', 'shop: SELECT 4']);
});

test('what the log has told of a connection counts more than the list of processes', () => {
  const follower = new LogFollower({ database: 'app' });
  follower.follow(entry(1, 'Connect', 'shop@web on app using TCP/IP'));
  follower.know([{ thread: 1, database: 'other' }]);
  assert.deepEqual(statementsOf(follower, [entry(1, 'Query', 'SELECT 1')]), ['shop: SELECT 1']);
});

test('with accounts named, what others send does not count', () => {
  const follower = new LogFollower({ database: 'app', accounts: ['shop'] });
  follower.know([{ thread: 1, database: 'app' }]);
  const entries = [entry(1, 'Query', 'SELECT 1', 'admin'), entry(1, 'Query', 'SELECT 2')];
  assert.deepEqual(statementsOf(follower, entries), ['shop: SELECT 2']);
});
