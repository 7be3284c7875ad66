/** Follows an App until what was deployed is there, or it is clear that it will not be. */
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { ClusterControl } from './cluster-control.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { durationOf } from './duration-option.ts';
import { follow } from './follow.ts';
import { describeProblems, EXIT_FAILED, placeFlags, print, printJson } from './output.ts';
import { isDecided, Progress } from './progress.ts';
import { painter } from './render-status.ts';
import type { ShownStatus } from './shown-status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface FollowOptions extends CommonOptions {
  /** False: only asks for it. */
  readonly wait: boolean;
  /** How long it is followed, such as `1h`. */
  readonly timeout: string;
}

/** How long it takes until somebody wonders whether there is a controller; ms. */
const PATIENCE = 10_000;

/** @param object the App as it was written. @returns the exit code: 0 when it is as wanted */
export async function followApp(
  place: ClusterPlace,
  object: AppObject,
  options: FollowOptions,
  context: VerbContext,
): Promise<number> {
  const { generation = 1 } = object.metadata;
  const limit = AbortSignal.timeout(durationOf('--timeout', options.timeout));
  if (!options.wait) {
    if (options.json === true) printJson(context, { name: place.ref.name, generation });
    return 0;
  }
  const control = new ClusterControl(place);
  const progress = new Progress(context.stderr);
  const reminder = setTimeout(() => {
    progress.note(`no controller has looked at it yet; see: holdfast doctor${placeFlags(options)}`);
  }, PATIENCE);
  const look = async (): Promise<ShownStatus | undefined> => {
    const found = await control.look();
    if (found.generation < generation) return undefined;
    clearTimeout(reminder);
    return found.status;
  };
  const quit = AbortSignal.any([limit, context.interrupted]);
  try {
    const status = await follow(look, { progress, until: isDecided, quit, pace: control.pace });
    return report(status, options, context);
  } finally {
    clearTimeout(reminder);
  }
}

function report(status: ShownStatus | undefined, options: FollowOptions, context: VerbContext): number {
  if (options.json === true && status !== undefined) printJson(context, status);
  if (status?.state === 'ready') {
    if (options.json !== true) print(context, `\n${painter(context.stdout)('bold', status.url ?? 'ready')}`);
    return 0;
  }
  if (context.interrupted.aborted) {
    print(context, `It goes on without you; see: holdfast status${placeFlags(options)}`, 'stderr');
    return 0;
  }
  print(context, failure(status, options), 'stderr');
  return EXIT_FAILED;
}

function failure(status: ShownStatus | undefined, options: FollowOptions): string {
  const late = `Not there after ${options.timeout}; it goes on.`;
  if (status === undefined) return late;
  const problems = describeProblems(status, options);
  return isDecided(status) ? problems : `${late}\n${problems}`;
}
