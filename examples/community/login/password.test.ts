import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPassword, hashPassword } from './password.ts';

test('a password is accepted by its own hash only', async () => {
  const hash = await hashPassword('holdfast');
  assert.equal(await checkPassword('holdfast', hash), true);
  assert.equal(await checkPassword('Holdfast', hash), false);
  assert.equal(await checkPassword('', hash), false);
});

test('two hashes of one password differ', async () => {
  assert.notEqual(await hashPassword('holdfast'), await hashPassword('holdfast'));
});

test('nothing is the password of an unknown member', async () => {
  assert.equal(await checkPassword('', undefined), false);
  assert.equal(await checkPassword('holdfast', undefined), false);
});

test('two ways to type the same letter are the same password', async () => {
  assert.equal(await checkPassword('cafe\u0301', await hashPassword('caf\u00e9')), true);
});

test('a hash carries its own cost, and agrees with another implementation', async () => {
  // scrypt('holdfast', 16 zero bytes, N = 2^4, r = 8, p = 1) by Python's hashlib.
  const stored = `$scrypt$ln=4,r=8,p=1$${'A'.repeat(22)}$VnIs26vEN5b2eubhb5OHRxEn4rNWGr1n44VFpcCm9b8`;
  assert.equal(await checkPassword('holdfast', stored), true);
});

test('a hash in another format is an error, not a wrong password', async () => {
  for (const stored of [
    '',
    'holdfast',
    '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA',
    '$scrypt$ln=99,r=8,p=1$AA$AA',
  ]) {
    await assert.rejects(checkPassword('holdfast', stored), /unknown hash format/);
  }
});
