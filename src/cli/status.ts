/** `status`: the whole application at a glance, once or again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../app/failure.ts';
import type { Status } from '../controller/status.ts';
import { survivors } from '../platform/machine/survivors.ts';
import { NotRunning } from './control-client.ts';
import { LivePicture } from './live-picture.ts';
import { lastLines } from './log-reader.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { painter, renderStatus } from './render-status.ts';
import { clientOf, placeOf, type CommonOptions, type Place, type VerbContext } from './verb-context.ts';

export interface StatusOptions extends CommonOptions {
  readonly watch?: boolean;
}

/** How often `--watch` looks; ms. */
const WATCH_INTERVAL = 1_000;
/** How many lines of a failing instance's output are shown. */
const LAST_LINES = 5;

/** @returns 0 when everything is ready, 1 otherwise */
export async function status(options: StatusOptions, context: VerbContext): Promise<number> {
  const place = await placeOf(options, context);
  const client = await clientOf(place);
  const look = async (): Promise<Status> => {
    try {
      const found = (await client.get('/status')) as Status | null;
      if (found === null) throw new UserError('the application is just being started; try again in a moment');
      return found;
    } catch (error) {
      if (error instanceof NotRunning) throw await notRunning(place);
      throw error;
    }
  };
  if (options.watch === true) return watch(look, { place, options, context });
  const found = await look();
  await show(found, { place, options, context });
  return found.state === 'ready' ? 0 : EXIT_FAILED;
}

interface Showing {
  readonly place: Place;
  readonly options: StatusOptions;
  readonly context: VerbContext;
}

async function show(found: Status, { place, options, context }: Showing): Promise<void> {
  if (options.json === true) printJson(context, found);
  else print(context, await pictureOf(found, { place, context }));
}

async function watch(look: () => Promise<Status>, showing: Showing): Promise<number> {
  const { context, options, place } = showing;
  const picture = context.stdout.isTTY && options.json !== true ? new LivePicture(context.stdout) : undefined;
  while (!context.interrupted.aborted) {
    const found = await look();
    if (picture) picture.draw(await pictureOf(found, { place, context }));
    else await show(found, showing);
    await sleep(WATCH_INTERVAL, undefined, { signal: context.interrupted }).catch(() => undefined);
  }
  return 0;
}

/** The status, and the last output of what fails. */
async function pictureOf(
  found: Status,
  { place, context }: Pick<Showing, 'place' | 'context'>,
): Promise<string> {
  const paint = painter(context.stdout);
  const failing = found.services
    .flatMap((service) => service.instances)
    .filter((instance) => (instance.failures > 0 || instance.failed) && instance.state !== 'ready')
    .map((instance) => instance.id);
  const broken = found.database.state === 'failed' ? ['database', ...failing] : failing;
  const outputs = broken.map(async (id) => {
    const lines = await lastLines(place.state.logs, id, LAST_LINES);
    return [`\nlast lines of ${id}`, ...lines.map((line) => paint('dim', `  ${line.text}`))].join('\n');
  });
  return [renderStatus(found, Date.now(), paint), ...(await Promise.all(outputs))].join('\n');
}

async function notRunning({ state }: Place): Promise<UserError> {
  const left = await survivors(state);
  if (left.length === 0) return new UserError('the application does not run here; start it: holdfast up');
  const names = left.map(({ id, pid }) => `${id} (pid ${pid})`).join(', ');
  return new UserError(
    `its controller does not run, but what it started does: ${names}.\n` +
      'Take it over: holdfast up. End it: holdfast down.',
  );
}
