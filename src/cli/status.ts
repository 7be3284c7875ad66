/** `status`: the whole application at a glance, once or again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../app/failure.ts';
import { survivors } from '../platform/machine/survivors.ts';
import { NotRunning } from './control-client.ts';
import { LivePicture } from './live-picture.ts';
import { lastLines } from './log-reader.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { painter, renderStatus } from './render-status.ts';
import type { ShownStatus } from './shown-status.ts';
import { clientOf, placeOf, type CommonOptions, type Place, type VerbContext } from './verb-context.ts';

export interface StatusOptions extends CommonOptions {
  readonly watch?: boolean;
}

/** Where an application is looked at. */
export interface Watched {
  look(): Promise<ShownStatus>;
  /** The last lines that an instance, or the database, has written. */
  lastOutput(id: string, lines: number): Promise<readonly string[]>;
}

/** How often `--watch` looks; ms. */
const WATCH_INTERVAL = 1_000;
/** How many lines of a failing instance's output are shown. */
const LAST_LINES = 5;

/** @returns 0 when everything is ready, 1 otherwise */
export async function status(options: StatusOptions, context: VerbContext): Promise<number> {
  const watched = await watchedBy(options, context);
  const showing = { watched, options, context };
  if (options.watch === true) return watch(showing);
  const found = await watched.look();
  await show(found, showing);
  return found.state === 'ready' ? 0 : EXIT_FAILED;
}

async function watchedBy(options: CommonOptions, context: VerbContext): Promise<Watched> {
  if (options.context === undefined) return onMachine(await placeOf(options, context));
  return (await import('./cluster-output.ts')).watchedOnCluster(options, context);
}

async function onMachine(place: Place): Promise<Watched> {
  const client = await clientOf(place);
  return {
    async look() {
      try {
        const found = (await client.get('/status')) as ShownStatus | null;
        if (found !== null) return found;
      } catch (error) {
        throw error instanceof NotRunning ? await notRunning(place) : error;
      }
      throw new UserError('the application is just being started; try again in a moment');
    },
    async lastOutput(id, lines) {
      return (await lastLines(place.state.logs, id, lines)).map(({ text }) => text);
    },
  };
}

interface Showing {
  readonly watched: Watched;
  readonly options: StatusOptions;
  readonly context: VerbContext;
}

async function show(found: ShownStatus, { watched, options, context }: Showing): Promise<void> {
  if (options.json === true) printJson(context, found);
  else print(context, await pictureOf(found, watched, context));
}

async function watch(showing: Showing): Promise<number> {
  const { context, options, watched } = showing;
  const picture = context.stdout.isTTY && options.json !== true ? new LivePicture(context.stdout) : undefined;
  while (!context.interrupted.aborted) {
    const found = await watched.look();
    if (picture) picture.draw(await pictureOf(found, watched, context));
    else await show(found, showing);
    await sleep(WATCH_INTERVAL, undefined, { signal: context.interrupted }).catch(() => undefined);
  }
  return 0;
}

/** The status, and the last output of what fails. */
async function pictureOf(found: ShownStatus, watched: Watched, context: VerbContext): Promise<string> {
  const paint = painter(context.stdout);
  const failing = found.services
    .flatMap((service) => service.instances)
    .filter((instance) => (instance.failures > 0 || instance.failed) && instance.state !== 'ready')
    .map((instance) => instance.id);
  const broken = found.database.state === 'failed' ? ['database', ...failing] : failing;
  const outputs = broken.map(async (id) => {
    const lines = await watched.lastOutput(id, LAST_LINES);
    return [`\nlast lines of ${id}`, ...lines.map((line) => paint('dim', `  ${line}`))].join('\n');
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
