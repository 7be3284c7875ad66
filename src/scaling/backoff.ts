/** Restart delays in ms: none for the first failure after a stable life, then doubling up to a bound. */
export interface Backoff {
  readonly first: number;
  readonly most: number;
}

export const RESTART_BACKOFF: Backoff = { first: 500, most: 30_000 };

/** An instance that was ready for this long (ms) has had a stable life: its failures start from zero. */
export const STABLE_AFTER = 10_000;

/** How long to wait before the next start, after `failures` deaths in a row without a stable life. */
export function restartDelay(failures: number, { first, most }: Backoff = RESTART_BACKOFF): number {
  return failures <= 0 ? 0 : Math.min(most, first * 2 ** (failures - 1));
}
