import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  anywhere,
  accountsChangeSql,
  accountsSql,
  adminUser,
  migratorUser,
  serviceUser,
  type DatabaseAccounts,
} from './accounts.ts';

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

const before: DatabaseAccounts = {
  database: 'shop',
  admin: { user: adminUser, password: 'a' },
  migrator: { user: migratorUser, password: 'm' },
  services: [
    { user: serviceUser('login'), password: 'l' },
    { user: serviceUser('old'), password: 'o' },
  ],
};

test('the administrator logs in at the server itself only, wherever the others may come from', () => {
  const made: readonly string[] = accountsSql(before, anywhere).match(/USER `[^ ]+/g) ?? [];
  const ofAdmin = made.filter((name) => name.includes(`\`${adminUser}\``));
  assert.deepEqual(ofAdmin, ['USER `holdfast`@`127.0.0.1`', 'USER `holdfast`@`localhost`']);
  assert.ok(made.includes('USER `holdfast-migrator`@`%`'));
});

test('a change touches only the accounts that differ', () => {
  const after = {
    ...before,
    services: [
      { user: serviceUser('login'), password: 'l' },
      { user: serviceUser('new'), password: 'n' },
    ],
  };
  const sql = accountsChangeSql(before, after, ['%']);
  assert.deepEqual(
    sql.map((statement) => statement.replace(/ IDENTIFIED .*| ON .*/, '')),
    [
      'DROP USER IF EXISTS `holdfast-service-old`@`%`',
      'CREATE OR REPLACE USER `holdfast-service-new`@`%`',
      'GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES',
    ],
  );
  assert.deepEqual(accountsChangeSql(before, before), []);
});

test("a new password leaves the account's rights alone, and the administrator is last", () => {
  const after = {
    ...before,
    admin: { user: adminUser, password: 'a2' },
    services: before.services.map(({ user }) => ({ user, password: 'x' })),
  };
  const sql = accountsChangeSql(before, after, ['%']);
  assert.equal(sql.length, 4);
  assert.ok(sql.every((statement) => statement.startsWith('ALTER USER ')));
  assert.match(sql.at(-1) ?? '', /^ALTER USER `holdfast`@/);
});
