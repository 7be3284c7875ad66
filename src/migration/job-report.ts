/**
 * What the Job of a migration tells the controller of a cluster when it is done: the names of contract files, as one
 * JSON object in the container's termination message. Pure.
 */
import { valueAt } from '../app/raw-value.ts';

export interface JobReport {
  /** What waits until no instance of an older version is left. */
  readonly later: readonly string[];
}

/** Kubernetes keeps 4,096 bytes of a message; a name has up to 255. */
const MOST_NAMES = 6;

export function reportText({ later }: JobReport): string {
  return JSON.stringify({ later: later.slice(-MOST_NAMES) } satisfies JobReport);
}

/** Undefined for whatever is none, as another program's last words. */
export function readReport(message: string | undefined): JobReport | undefined {
  const later = valueAt(parsed(message), 'later');
  return isNames(later) ? { later } : undefined;
}

/** The names of files as JSON; undefined for whatever is none. */
export function readNames(json: string | undefined): readonly string[] | undefined {
  const names = parsed(json);
  return isNames(names) ? names : undefined;
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? '');
  } catch {
    return undefined;
  }
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
