/** `scale`, `restart` and `migrate run`: asks the running application for a change and shows how it goes. */
import { UserError } from '../app/failure.ts';
import type { Status } from '../controller/status.ts';
import { requireStillRunning } from './control-client.ts';
import { follow } from './follow.ts';
import { describeProblems, EXIT_FAILED, placeFlags, print, printJson } from './output.ts';
import { isDecided, partsOf, Progress } from './progress.ts';
import { controlOf, requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';

export interface ChangeOptions extends CommonOptions {
  /** False: only asks for it. */
  readonly wait: boolean;
}

/** `login=3 community=4` */
export async function scale(
  wishes: readonly string[],
  options: ChangeOptions,
  context: VerbContext,
): Promise<number> {
  const counts = Object.fromEntries(wishes.map(parseWish));
  return change(options, context, { path: '/scale', body: { counts }, about: Object.keys(counts) });
}

export async function restart(
  service: string,
  options: ChangeOptions,
  context: VerbContext,
): Promise<number> {
  return change(options, context, { path: '/restart', body: { service }, about: [service] });
}

export interface Wish {
  readonly path: string;
  readonly body: unknown;
  /** The services that it is about; none: all. */
  readonly about?: readonly string[];
}

/** @returns 0 when the application is as wanted, 1 when it does not get there */
export async function change(
  options: ChangeOptions,
  context: VerbContext,
  { path, body, about }: Wish,
): Promise<number> {
  const client = await controlOf(options, context);
  let status = ((await client.post(path, body).catch(requireRunning)) as Status | null) ?? undefined;
  if (options.wait) {
    const progress = new Progress(context.stderr);
    const look = async (): Promise<Status | undefined> =>
      ((await client.get('/status').catch(requireStillRunning)) as Status | null) ?? undefined;
    const until = (s: Status): boolean => isDecided(s, about);
    status = await follow(look, { progress, until, quit: context.interrupted, pace: client.pace });
  }
  if (options.json === true) printJson(context, status);
  if (!options.wait || status === undefined || isDone(status, about)) return 0;
  if (context.interrupted.aborted) {
    print(context, `It goes on without you; see: holdfast status${placeFlags(options)}`, 'stderr');
    return 0;
  }
  print(context, describeProblems(status, options), 'stderr');
  return EXIT_FAILED;
}

/** A service that fails is no failure of a change to another. */
function isDone(status: Status, about: readonly string[] | undefined): boolean {
  if (status.state === 'ready') return true;
  return about !== undefined && partsOf(status).every((part) => part.done || !about.includes(part.name));
}

function parseWish(wish: string): [service: string, count: number] {
  const [, service, count] = /^([^=]+)=(\d{1,6})$/.exec(wish) ?? [];
  if (service === undefined || count === undefined)
    throw new UserError(`"${wish}" is not of the form SERVICE=NUMBER, such as login=3`);
  return [service, Number(count)];
}
