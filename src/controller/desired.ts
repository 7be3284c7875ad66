/**
 * What the user wants right now: the file, what is in force of it, and what was asked for by hand.
 * An application is in force once its migrations are applied; until then what was in force before
 * goes on, so a failing migration holds back new instances and leaves the old ones alone.
 */
import type { Prepared } from '../platform/platform.ts';

export interface Desired {
  readonly wanted: Prepared;
  readonly inForce?: Prepared;
  /** What everything was last ready with; kept on platforms that roll a release back. */
  readonly accepted?: Prepared;
  /** Why what is wanted was rolled back; it does not come into force again before it changes. */
  readonly refused?: string;
  /** Instances asked for by `scale`, by service. */
  readonly scale: Readonly<Record<string, number>>;
}
