/** What a bench is. */
import type { Measurement } from './measurement.ts';

export interface Bench {
  /** What it measures, in a few words. */
  readonly title: string;
  /** Measures and cleans up after itself. What it says on the way goes to `progress`. */
  readonly run: (progress: (text: string) => void) => Promise<Measurement[]>;
}

/**
 * Start and stop of an application made by its template alone, without services of the user's own:
 * https://github.com/microsoft/aspire/issues/16704. Seconds.
 */
export const EMPTY_ASPIRE = { name: 'an empty .NET Aspire application', start: 9.5, stop: 10.3 } as const;
