/** What another spec makes of the objects of an application. Pure. */
import { UserError } from '../../../app/failure.ts';
import { appFromData } from '../../../app/parse.ts';
import { isMap } from '../../../app/raw-value.ts';
import type { Manifest } from '../objects/manifest.ts';
import { ANNOTATIONS } from '../objects/names.ts';
import { differences, type Difference } from './differences.ts';
import { renderedObjects, type Rendering } from './rendered-objects.ts';

export interface ObjectChange {
  readonly kind: string;
  readonly name: string;
  readonly change: 'made' | 'removed' | 'changed';
  /** Empty unless it is changed. */
  readonly differences: readonly Difference[];
}

/** Digests of what stands beside them anyway. */
const DIGESTS: readonly string[] = [ANNOTATIONS.template, ANNOTATIONS.pod, ANNOTATIONS.applied];

/** @param before undefined when there is no App yet. Values that may be secret are not part of the answer. */
export function objectChanges(before: unknown, after: unknown, rendering: Rendering): ObjectChange[] {
  const [old, now] = [objectsOf(before, rendering), objectsOf(after, rendering)];
  const keys = [...new Set([...old.keys(), ...now.keys()])];
  return keys.flatMap((key) => change(old.get(key), now.get(key)) ?? []);
}

/** A spec that this version of Holdfast can't read comes to nothing that could be compared. */
function objectsOf(spec: unknown, rendering: Rendering): Map<string, Manifest> {
  try {
    const objects = spec === undefined ? [] : renderedObjects(appFromData(inOrder(spec)), rendering);
    return new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
  } catch (error) {
    if (error instanceof UserError) return new Map();
    throw error;
  }
}

/** The API server keeps maps in the order of their keys. */
function inOrder(value: unknown): unknown {
  if (!isMap(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item)]));
}

function change(before: Manifest | undefined, after: Manifest | undefined): ObjectChange | undefined {
  const { kind, metadata } = after ?? before ?? { kind: '', metadata: { name: '' } };
  const about = { kind, name: metadata.name };
  if (before === undefined) return { ...about, change: 'made', differences: [] };
  if (after === undefined) return { ...about, change: 'removed', differences: [] };
  const mayShow = (path: readonly string[]): boolean => kind !== 'Secret' && !isVariable(path);
  const found = differences(withoutDigests(before), withoutDigests(after), mayShow);
  return found.length === 0 ? undefined : { ...about, change: 'changed', differences: found };
}

function isVariable(path: readonly string[]): boolean {
  return path.includes('env') && path.at(-1) === 'value';
}

function withoutDigests(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDigests);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !DIGESTS.includes(key));
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutDigests(item)]));
}
