/** What a bench hands back, and the little statistics it needs. Pure. */

export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The same of what it is compared with, in the same unit; `about` says what that is. */
  readonly peer?: number;
  /** The most that `value` may be. */
  readonly goal?: number;
  /** For people: what was measured how often, what the peer is. */
  readonly about?: string;
}

/** A measurement as programs read it; null is what does not apply. */
export interface ReportedMeasurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: number | null;
  /** `value` divided by `peer`. */
  readonly ratio: number | null;
  readonly goal: number | null;
  readonly met: boolean | null;
}

export function reported({ name, value, unit, peer, goal }: Measurement): ReportedMeasurement {
  return {
    name,
    value: significant(value),
    unit,
    peer: peer === undefined ? null : significant(peer),
    ratio: peer === undefined ? null : significant(value / peer),
    goal: goal === undefined ? null : significant(goal),
    met: goal === undefined ? null : value <= goal,
  };
}

/** The middle value, or the mean of the two in the middle. @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  if (middle.length === 0) throw new RangeError('no values');
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** The values in words, so that a reader sees how far they lie apart. */
export function spread(values: readonly number[]): string {
  return `${format(Math.min(...values))} to ${format(Math.max(...values))} in ${values.length}`;
}

/** Four digits: more would be noise. */
export function significant(value: number): number {
  return Number(value.toPrecision(4));
}

export function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
