/** Several at once, of which one that fails ends the others: so a test that has failed waits for nobody. */

/** Starts `count` of `work`. Rejects with the first failure, when all have ended. */
export async function allOrNone<Result>(
  count: number,
  work: (signal: AbortSignal, index: number) => Promise<Result>,
): Promise<Result[]> {
  const ended = new AbortController();
  let first: { readonly error: unknown } | undefined;
  const one = async (index: number): Promise<Result[]> => {
    try {
      return [await work(ended.signal, index)];
    } catch (error) {
      first ??= { error };
      ended.abort();
      return [];
    }
  };
  const results = await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  if (first) throw first.error;
  return results.flat();
}
