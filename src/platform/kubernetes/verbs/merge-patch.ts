/** JSON merge patches (RFC 7386). Pure. */
import { isMap } from '../../../app/raw-value.ts';

/** The patch that makes `to` of `from`; both are plain data without null. */
export function mergePatchOf(from: unknown, to: unknown): unknown {
  if (!isMap(from) || !isMap(to)) return to;
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  const changed = [...keys].filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]));
  return Object.fromEntries(
    changed.map((key) => [key, Object.hasOwn(to, key) ? mergePatchOf(from[key], to[key]) : null]),
  );
}
