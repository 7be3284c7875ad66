/**
 * Password hashes: scrypt (RFC 7914) in PHC string format, `$scrypt$ln=15,r=8,p=1$salt$hash` with
 * unpadded base64. Each hash carries its own cost, so COST can be raised without losing old ones.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** log2 of scrypt's N: 15 takes 32 MiB and about 80 ms of one core. */
const COST = 15;
const BLOCK_SIZE = 8;
const HASH_BYTES = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return `$scrypt$ln=${COST},r=${BLOCK_SIZE},p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Whether the password is the one behind `stored`. Takes as long when there is none (the member is
 * unknown), so that the time tells nobody who is a member. Throws on a string of another format.
 */
export async function checkPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, cost, salt, hash] = FORMAT.exec(stored ?? HASH_OF_NOBODY) ?? [];
  if (cost === undefined || salt === undefined || hash === undefined) throw new Error('unknown hash format');
  const derived = await derive(password, Buffer.from(salt, 'base64'), Number(cost));
  return timingSafeEqual(derived, Buffer.from(hash, 'base64')) && stored !== undefined;
}

const FORMAT = /^\$scrypt\$ln=(1?\d),r=8,p=1\$([\w+/]+)\$([\w+/]{43})$/;
const HASH_OF_NOBODY = `$scrypt$ln=${COST},r=${BLOCK_SIZE},p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const N = 2 ** cost;
  const options = { N, r: BLOCK_SIZE, p: 1, maxmem: 2 * 128 * N * BLOCK_SIZE };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
