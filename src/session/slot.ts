/** The slot of a user, as HAProxy's `xxh32,mod(65537)` computes it from the key's bytes. */
import { xxh32 } from '../routing/xxh32.ts';

export const SLOTS = 65_537;

/** The slot of a key, by its UTF-8 bytes. */
export function slotOf(key: string): number {
  return xxh32(Buffer.from(key, 'utf8')) % SLOTS;
}
