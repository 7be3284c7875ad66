import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { singleServer } from './single-server.ts';

const options = {
  folder: '/srv/an app/.holdfast/database',
  socketPath: '/run/app.sock',
  port: 33_061,
  memory: 134_217_728,
  runsAsRoot: false,
};

test('the server reads its own options file only, and listens on this machine only', () => {
  const { args, defaultsFile, paths } = singleServer(options);
  assert.deepEqual(args, [`--defaults-file=${paths.defaults}`]);
  assert.match(defaultsFile, /^bind-address = 127\.0\.0\.1$/m);
  assert.match(defaultsFile, /^port = 33061$/m);
  assert.match(defaultsFile, /^innodb-buffer-pool-size = 134217728$/m);
  assert.match(defaultsFile, /^innodb-flush-log-at-trx-commit = 1$/m);
});

test('root is named only when root runs it', () => {
  assert.ok(singleServer({ ...options, runsAsRoot: true }).args.includes('--user=root'));
});

test('a path with quotes, backslashes, a # and a line break is one value', () => {
  const { defaultsFile } = singleServer({ ...options, socketPath: '/run/a "b" \\c #d\ne' });
  assert.ok(defaultsFile.includes('socket = "/run/a \\"b\\" \\\\c #d\\ne"\n'));
});

test('a socket path that is too long for the system is refused', () => {
  assert.throws(() => singleServer({ ...options, socketPath: `/${'é'.repeat(54)}` }), UserError);
});

test('in a container it listens everywhere, and what is written at each start lies elsewhere', () => {
  const { defaultsFile, paths } = singleServer({
    ...options,
    scratch: '/run/holdfast',
    bindAddress: '*',
    temporary: '/srv/tmp',
  });
  assert.match(defaultsFile, /^bind-address = \*$/m);
  assert.match(defaultsFile, /^tmpdir = "\/srv\/tmp"$/m);
  assert.equal(paths.data, '/srv/an app/.holdfast/database/data');
  assert.equal(paths.accounts, '/run/holdfast/accounts.sql');
});
