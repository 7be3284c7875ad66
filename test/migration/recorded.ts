/** What an application sends while somebody records, as `migrate record` does it. */

import { recordStatements, type StatementRecord } from '../../src/migration/record/record-statements.ts';

/** Records on the server of `url`, an administrator's, for as long as `work` lasts. */
export async function recordedDuring(url: string, work: () => Promise<void>): Promise<StatementRecord> {
  const stop = new AbortController();
  const began = Promise.withResolvers<undefined>();
  const recording = recordStatements({
    url,
    durationMs: 600_000,
    signal: stop.signal,
    progress: ({ kind }) => {
      if (kind === 'recording') began.resolve(undefined);
    },
  });
  await Promise.race([began.promise, recording]);
  await work().finally(() => {
    stop.abort();
  });
  return recording;
}
