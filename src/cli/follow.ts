/** Shows how an application gets to where it is to be. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from './progress.ts';
import type { ShownStatus } from './shown-status.ts';

export interface Following {
  readonly progress: Progress;
  readonly until: (status: ShownStatus) => boolean;
  readonly quit: AbortSignal;
  /** How often it is looked; ms. */
  readonly pace: number;
}

/** Shows progress until it is decided; the last status, if there was one. */
export async function follow(
  look: () => Promise<ShownStatus | undefined>,
  { progress, until, quit, pace }: Following,
): Promise<ShownStatus | undefined> {
  let status: ShownStatus | undefined;
  while (!quit.aborted) {
    status = (await look()) ?? status;
    progress.show(status);
    if (status !== undefined && until(status)) break;
    await sleep(pace, undefined, { signal: quit }).catch(() => undefined);
  }
  return status;
}
