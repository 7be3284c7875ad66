/**
 * A value that is costly to get, kept for a while. Those who ask at the same time get the same attempt; a
 * failed attempt is not kept.
 */

/**
 * @param kept how long a value is good, in ms; or how to tell from the value until when it is (ms of `now`)
 * @param now a clock in ms
 * @returns a function that gives the value; called with true it makes a new one whatever is kept
 */
export function keptFor<T>(
  kept: number | ((value: T) => number),
  make: () => Promise<T>,
  now: () => number = Date.now,
): (fresh?: boolean) => Promise<T> {
  let last: { readonly value: T; readonly until: number } | undefined;
  let making: Promise<T> | undefined;
  const renew = async (): Promise<T> => {
    try {
      const value = await make();
      last = { value, until: typeof kept === 'number' ? now() + kept : kept(value) };
      return value;
    } finally {
      making = undefined;
    }
  };
  return async (fresh = false) => {
    if (!fresh && last !== undefined && now() < last.until) return last.value;
    making ??= renew();
    return making;
  };
}
