/**
 * How many rows a chunk has, and how long the migrator rests after it. Pure. A chunk holds locks: it is kept so
 * short that nobody notices, and as long as it took nothing is done: longer, the more the server has to do.
 */

export interface Pace {
  /** Rows of the next chunk at most. */
  readonly rows: number;
}

/** Beyond this a chunk is too long, in ms; below half of it the next one may have more rows. */
const longChunkMs = 40;
const firstRows = 100;
const fewestRows = 1;
const longestPauseMs = 2_000;

/** `most` are the rows that the file allows. */
export function firstPace(most: number): Pace {
  return { rows: Math.min(most, firstRows) };
}

/** After a chunk that took `ms`. */
export function nextPace({ rows }: Pace, ms: number, most: number): Pace {
  if (ms > longChunkMs) return slower({ rows });
  return ms < longChunkMs / 2 ? { rows: Math.min(most, rows * 2) } : { rows };
}

/** After a chunk that met somebody's locks. */
export function slower({ rows }: Pace): Pace {
  return { rows: Math.max(fewestRows, Math.floor(rows / 2)) };
}

/**
 * How long to rest after a chunk that took `ms`, in ms. `others`, how many statements of others run at once, is what a
 * server has to do: how many come in a second times how long one takes, so it rises with either.
 */
export function pauseAfter(ms: number, others = 0): number {
  return Math.min(longestPauseMs, Math.round(ms * (1 + others)));
}
