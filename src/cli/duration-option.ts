import { UserError } from '../app/failure.ts';
import { parseDuration } from '../app/units.ts';

/** What a timer can wait; ms. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds of an option such as `30s`. @throws UserError for a text that is no time */
export function durationOf(option: string, text: string): number {
  const value = parseDuration(text);
  if (Number.isNaN(value)) throw new UserError(`${option} is a time such as 30s, 10m or 1h, not "${text}"`);
  return Math.min(value, LONGEST);
}
