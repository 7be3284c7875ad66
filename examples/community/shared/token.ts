/**
 * The token that login gives out and both services accept: `payload.signature`, both base64url, the
 * payload JSON, the signature HMAC-SHA256 (RFC 2104) of the encoded payload. Whoever has the key can
 * check a token without asking login, so community needs no session of its own.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Claims {
  /** Normalised e-mail address of the member. */
  readonly email: string;
  /** Id of the session in the login instance's memory. */
  readonly session: string;
  /** End of validity, ms since 1970. */
  readonly expires: number;
}

export function signToken(claims: Claims, key: string): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${payload}.${signature(payload, key).toString('base64url')}`;
}

/** The claims of a genuine token that is valid at `now` (ms since 1970), otherwise undefined. */
export function verifyToken(token: string, key: string, now: number): Claims | undefined {
  const [payload, given, ...rest] = token.split('.');
  if (payload === undefined || given === undefined || rest.length > 0) return undefined;
  if (!equal(Buffer.from(given, 'base64url'), signature(payload, key))) return undefined;
  // Parsed only now: whatever carries a genuine signature was written by signToken.
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
  return now < claims.expires ? claims : undefined;
}

/** The same for an `Authorization: Bearer …` header (RFC 6750). */
export function verifyBearer(header: string | undefined, key: string, now: number): Claims | undefined {
  const token = /^Bearer ([\w.-]+)$/i.exec(header ?? '')?.[1];
  return token === undefined ? undefined : verifyToken(token, key, now);
}

function signature(payload: string, key: string): Buffer {
  return createHmac('sha256', key).update(payload).digest();
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
