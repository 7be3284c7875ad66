import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { makeCertificate } from '../../test/support/certificates.ts';
import { expiryWarning, readCertificate } from './certificate.ts';

const SOURCE = 'the secret "shop-tls"';
const DAY = 86_400_000;
const [one, other] = await Promise.all([makeCertificate('one'), makeCertificate('other', 10)]);

function refusal(chain: string, key: string): string {
  try {
    readCertificate(chain, key, SOURCE);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message;
  }
  return '';
}

test('certificate and key become one text without empty lines or what stands between the blocks', () => {
  const chain = `subject=one\r\n\r\n${one.certificate.replaceAll('\n', '\r\n')}\n\nissuer=two\n${other.certificate}\n\n`;
  const { pem, expires } = readCertificate(chain, `\n${one.key}\n`, SOURCE);
  assert.equal(pem, one.certificate + other.certificate + one.key);
  assert.ok(Math.abs(expires - Date.now() - 90 * DAY) < DAY);
});

test('a key of another certificate is refused by name', () => {
  assert.equal(
    refusal(one.certificate, other.key),
    'the secret "shop-tls": tls.key is not the key of the first certificate in tls.crt',
  );
});

test('what is no certificate or no key is refused without a word of it', () => {
  const broken = one.key.replace(/\n.{20}/, '\nAAAA');
  const cases: [chain: string, key: string, word: string][] = [
    ['', one.key, 'tls.crt is not a certificate in PEM'],
    [one.key, one.key, 'tls.crt is not a certificate in PEM'],
    [one.certificate, '', 'tls.key is not a private key in PEM without a password'],
    [one.certificate, one.certificate, 'tls.key is not a private key'],
    [one.certificate, broken, 'tls.key is not'],
  ];
  for (const [chain, key, word] of cases) {
    const message = refusal(chain, key);
    assert.ok(message.startsWith(`${SOURCE}: ${word}`), message);
    assert.ok(!message.includes(one.key.split('\n')[1] ?? ''), 'nothing of the key is told');
  }
});

test('more than HAProxy takes in a command is refused', () => {
  assert.match(refusal(one.certificate.repeat(40), one.key), /HAProxy takes 15000/);
});

test('that a certificate ends is said two weeks before, and after', () => {
  const { expires } = readCertificate(other.certificate, other.key, SOURCE);
  assert.equal(expiryWarning({ pem: '', expires }, expires - 15 * DAY), undefined);
  assert.match(expiryWarning({ pem: '', expires }, expires - 2.5 * DAY) ?? '', /ends on .*, in 2\.5 days/);
  assert.match(expiryWarning({ pem: '', expires }, expires + 1) ?? '', /has ended on/);
});
