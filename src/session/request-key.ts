/**
 * The user that a request is of. Router and instance have to find the same slot, so it is that of the very bytes that the
 * router hashes; how they are found is written down once for both, in `routing/user-key.ts`.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { UserKey } from '../app/model.ts';
import { UserError } from '../app/failure.ts';
import { userKeyOf } from '../routing/user-key.ts';
import { xxh32 } from '../routing/xxh32.ts';
import { SLOTS } from './slot.ts';

export interface RequestKey {
  readonly key: string;
  readonly slot: number;
}

/** @throws UserError unless the text is like `header:x-user`, `cookie:sid`, `query:user` or `path:2` */
export function parseKeySource(text: string): UserKey {
  const [, kind, name = ''] = /^(header|cookie|query|path):(.+)$/.exec(text) ?? [];
  if (kind === 'header') return { kind, name: name.toLowerCase() };
  if (kind === 'cookie') return { kind, name, assign: false };
  if (kind === 'query') return { kind, name };
  if (kind === 'path' && /^[1-9]\d?$/.test(name)) return { kind, segment: Number(name) };
  throw new UserError(
    `The key of a session must be header:NAME, cookie:NAME, query:NAME or path:N, not ${JSON.stringify(text)}`,
  );
}

/** What `parseKeySource` reads, from what names a user. */
export function keySource(key: UserKey): string {
  return `${key.kind}:${key.kind === 'path' ? key.segment : key.name}`;
}

/** Undefined when the request names no user; `invalid` when its bytes are not UTF-8. */
export function requestKey(source: UserKey, request: IncomingMessage): RequestKey | 'invalid' | undefined {
  const bytes = userKeyOf(source, request);
  if (bytes === undefined || bytes.length === 0) return undefined;
  return isUtf8(bytes) ? { key: bytes.toString('utf8'), slot: xxh32(bytes) % SLOTS } : 'invalid';
}
