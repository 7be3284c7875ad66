import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { accountsSql, adminUser, migratorUser, serviceUser } from './accounts.ts';

const password = fc.string({ unit: 'binary' });

test('each line is one whole statement, whatever the passwords', () => {
  fc.assert(
    fc.property(password, password, (first, second) => {
      const sql = accountsSql({
        database: 'shop',
        admin: { user: adminUser, password: first },
        migrator: { user: migratorUser, password: second },
        services: [{ user: serviceUser('login'), password: first }],
      });
      const lines = sql.trimEnd().split('\n');
      assert.ok(lines.every((line) => /^(?:CREATE|SET|EXECUTE|GRANT) .*;$/.test(line)));
      assert.equal(lines.length, 1 + 3 + 3 * 2 * 2);
    }),
  );
});

test('passwords are written as the hash that MariaDB stores', () => {
  const sql = accountsSql({
    database: 'shop',
    admin: { user: adminUser, password: 'password' },
    migrator: { user: migratorUser, password: 'm' },
    services: [],
  });
  assert.ok(sql.includes("USING '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'"));
  assert.ok(!sql.includes("'password'"));
});

test('a database name is a name and never a pattern', () => {
  const sql = accountsSql({
    database: 'a_b`%',
    admin: { user: adminUser, password: 'a' },
    migrator: { user: migratorUser, password: 'm' },
    services: [],
  });
  assert.ok(sql.includes('CREATE DATABASE IF NOT EXISTS `a_b``%`;'));
  assert.ok(sql.includes('ALL PRIVILEGES ON `a\\_b``\\%`.* TO'));
});
