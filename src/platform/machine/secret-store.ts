/**
 * Values that nobody writes down. What Holdfast makes is made once and kept in files that only their
 * owner can read; what the user provides lies beside it and is only read.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../app/failure.ts';
import { readIfThere } from './json-file.ts';
import type { StateFolder } from './state-folder.ts';

/** A value kept under `name` (`SERVICE/VARIABLE`), made of `bytes` random bytes at the first call; base64url. */
export async function generatedSecret(state: StateFolder, name: string, bytes: number): Promise<string> {
  const path = join(state.generated, name);
  const kept = await readIfThere(path);
  if (kept !== undefined) return kept;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // A name of its own for each call: two services may ask for one value at the same moment.
  const draft = `${path}.${randomBytes(6).toString('hex')}.next`;
  await writeFile(draft, randomBytes(bytes).toString('base64url'), { mode: 0o600, flush: true });
  try {
    // Fails when somebody else was faster: then theirs is the value.
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return generatedSecret(state, name, bytes);
}

/** A secret that the user put into `.holdfast/secrets/SECRET/KEY`, without its last line break. */
export async function userSecret(state: StateFolder, secret: string, key: string): Promise<string> {
  const path = join(state.secrets, secret, key);
  const value = await readIfThere(path).catch((cause: unknown) => {
    throw new UserError(`the secret "${secret}": ${path} can't be read; it must be a file`, { cause });
  });
  if (value === undefined)
    throw new UserError(`the secret "${secret}" has no "${key}": put it into the file ${path} (mode 0600)`);
  return value.replace(/\r?\n$/, '');
}
