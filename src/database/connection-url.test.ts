import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { connectionOptions, connectionUrl, parseConnectionUrl, redacted } from './connection-url.ts';
import { UserError } from '../app/failure.ts';

const text = fc.string({ unit: 'grapheme' });
const target = fc.record(
  {
    user: text.filter((user) => user !== ''),
    password: text,
    host: fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('::1', 'fe80::1', '2001:db8::42')),
    port: fc.integer({ min: 1, max: 65_535 }),
  },
  { noNullPrototype: true },
);

const isNameable = (database: string): boolean => database !== '.' && database !== '..';

test('a URL is read back as it was built, whatever the user, password and database', () => {
  fc.assert(
    fc.property(target, text.filter(isNameable), (parts, database) => {
      const read = parseConnectionUrl(connectionUrl({ ...parts, database }));
      assert.deepEqual(read, database === '' ? parts : { ...parts, database });
    }),
  );
});

test('a database that a URL would take for a step along its path is refused', () => {
  const server = { user: 'u', password: '', host: 'db', port: 3306 };
  for (const database of ['.', '..']) assert.throws(() => connectionUrl({ ...server, database }), UserError);
});

test('a shown URL has no password', () => {
  const password = 'p:@/?#%secret';
  const url = connectionUrl({ user: 'u@x', password, host: 'db', port: 3307, database: 'shop' });
  assert.equal(redacted(url), 'mysql://u%40x:***@db:3307/shop');
  assert.equal(redacted('mysql://u:half%zzsecret@db/x'), '(a URL that cannot be read)');
});

test('the error for a URL that cannot be read holds nothing of it', () => {
  const wrong = [
    'secret',
    'postgres://u:secret@db/x',
    'mysql://u:secret%zz@db/x',
    'mysql:///secret',
    'mysql://u:p@db/a/secret',
    'mysql://u:p@db/x#secret',
    'mysql://u:secret@db:99999/x',
    'mysql://u:p@db/x?ssl-mode=secret',
    '',
  ];
  for (const url of wrong) {
    assert.throws(
      () => parseConnectionUrl(url),
      (error) => error instanceof UserError && !error.message.includes('secret') && error.cause === undefined,
      url,
    );
  }
});

test('mariadb:// is the same as mysql://, and the port is 3306 unless given', () => {
  const options = connectionOptions('mariadb://u:p@db/shop');
  assert.equal(options.port, 3306);
  assert.equal(options.database, 'shop');
  assert.equal(options.ssl, undefined);
});

test('TLS is used as asked for', () => {
  assert.deepEqual(connectionOptions('mysql://u@db/x?ssl-mode=REQUIRED').ssl, {
    rejectUnauthorized: false,
    verifyIdentity: false,
  });
  assert.deepEqual(connectionOptions('mysql://u@db/x?ssl=true').ssl, {
    rejectUnauthorized: true,
    verifyIdentity: true,
  });
  assert.equal(parseConnectionUrl('mysql://u@[::1]:33/x?ssl-mode=disabled&charset=utf8mb4').host, '::1');
});
