/**
 * What the user wants right now: the file, what is in force of it, and what was asked for by hand.
 * An application is in force once its migrations are applied; until then what was in force before
 * goes on, so a failing migration holds back new instances and leaves the old ones alone.
 */
import type { Service } from '../app/model.ts';
import type { Prepared } from '../platform/platform.ts';

export interface Desired {
  readonly wanted: Prepared;
  readonly inForce?: Prepared;
  /** Instances asked for by `scale`, by service. */
  readonly scale: Readonly<Record<string, number>>;
}

/** How many instances of a service are wanted, within the file's bounds. */
export function instanceCount(service: Service, scale: Desired['scale']): number {
  const { min, max } = service.instances;
  return Math.min(max, Math.max(min, scale[service.name] ?? min));
}
