/** `down`: ends everything that runs of an application, also what a killed controller left behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import { checkStateVersion } from '../platform/machine/state-folder.ts';
import { ControllerLost, NotRunning } from './control-client.ts';
import { print, printJson } from './output.ts';
import { endLeftovers } from './running-application.ts';
import { clientOf, placeOf, type CommonOptions, type VerbContext } from './verb-context.ts';

/** A controller that holds the lock but does not answer yet is asked again for so long; ms. */
const CONTROLLER_TIMEOUT = 15_000;
const RETRY_INTERVAL = 100;

/** @returns the exit code */
export async function down(options: CommonOptions, context: VerbContext): Promise<number> {
  const place = await placeOf(options, context);
  await checkStateVersion(place.state);
  const client = await clientOf(place);
  const limit = AbortSignal.timeout(CONTROLLER_TIMEOUT);
  for (;;) {
    if (await asked(() => client.post('/end'))) break;
    const progress = (text: string): void => print(context, text, 'stderr');
    if (await endLeftovers({ ...place, shell: context.env }, progress, context.hurried)) break;
    if (limit.aborted)
      throw new OperationError(
        `the controller has not answered for ${CONTROLLER_TIMEOUT / 1000} s; see .holdfast/logs/controller.log`,
      );
    await sleep(RETRY_INTERVAL);
  }
  if (options.json === true) printJson(context, { ended: true });
  else print(context, 'Everything has ended; the data is kept.');
  return 0;
}

/** False when nobody was there to be asked, or has died of it. */
async function asked(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (error instanceof NotRunning || error instanceof ControllerLost) return false;
    throw error;
  }
}
