/**
 * The certificate that routers show to users of HTTPS, from the PEM texts of a secret. It is judged here before HAProxy
 * is given it: one that does not fit its key, or is not one, never takes the place of one that works.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { UserError } from '../app/failure.ts';

/** Keys of a Secret of type kubernetes.io/tls, and files of a secret on a machine. */
export const CERTIFICATE_KEY = 'tls.crt';
export const PRIVATE_KEY = 'tls.key';

export interface Certificate {
  /** As HAProxy reads it, with the private key: a secret. */
  readonly pem: string;
  /** When it ends; ms since the epoch. */
  readonly expires: number;
}

/** Commands with their payload must fit HAProxy's buffer of 16 KiB. */
const LONGEST = 15_000;
const DAY = 86_400_000;
/** Certificates of 90 days are renewed 30 days before their end. */
const SOON = 14 * DAY;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/**
 * @param chain the certificate, then those that lead to its root
 * @param source names the secret, for errors
 * @throws UserError when they are not a certificate and its private key; it has nothing of the key
 */
export function readCertificate(chain: string, key: string, source: string): Certificate {
  const blocks = blocksOf(chain).filter((block) => block.includes('CERTIFICATE'));
  const [leaf = ''] = blocks;
  const certificate = judged(() => new X509Certificate(leaf));
  if (certificate === undefined)
    throw new UserError(`${source}: ${CERTIFICATE_KEY} is not a certificate in PEM`);
  const [keyBlock = ''] = blocksOf(key).filter((block) => block.includes('PRIVATE KEY'));
  const privateKey = judged(() => createPrivateKey(keyBlock));
  if (privateKey === undefined)
    throw new UserError(`${source}: ${PRIVATE_KEY} is not a private key in PEM without a password`);
  if (!fits(certificate, privateKey))
    throw new UserError(
      `${source}: ${PRIVATE_KEY} is not the key of the first certificate in ${CERTIFICATE_KEY}`,
    );
  const pem = `${[...blocks, keyBlock].join('\n')}\n`;
  if (pem.length > LONGEST)
    throw new UserError(
      `${source}: certificates and key have ${pem.length} characters; HAProxy takes ${LONGEST}`,
    );
  return { pem, expires: Date.parse(certificate.validTo) };
}

/** That it has ended, or soon will; undefined while there is time. @param now ms since the epoch */
export function expiryWarning({ expires }: Certificate, now: number): string | undefined {
  const left = expires - now;
  if (left >= SOON) return undefined;
  const day = new Date(expires).toISOString().slice(0, 10);
  if (left <= 0) return `the certificate has ended on ${day}: browsers refuse it`;
  return `the certificate ends on ${day}, in ${(left / DAY).toFixed(1)} days`;
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  return judged(() => certificate.checkPrivateKey(key)) ?? false;
}

/** Without what stands between them, and without empty lines, which would end a command of HAProxy. */
function blocksOf(text: string): string[] {
  return [...text.matchAll(BLOCK)].map(([block]) => block.replaceAll(/\s*\n\s*/g, '\n'));
}

/** What OpenSSL says of damaged input may show parts of it, and is told to nobody. */
function judged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
