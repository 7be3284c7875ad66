/** `up`: brings the application up, or brings a running one to what the file says now. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError, UserError } from '../app/failure.ts';
import { loadApp } from '../app/load.ts';
import type { App } from '../app/model.ts';
import type { NamedPhasePlan } from '../controller/plan.ts';
import type { Status } from '../controller/status.ts';
import { controlSocket, openStateFolder, stateFolder } from '../platform/machine/state-folder.ts';
import {
  ControllerLost,
  controlClient,
  NotRunning,
  requireStillRunning,
  type ControlClient,
} from './control-client.ts';
import { follow } from './follow.ts';
import { describeProblems, EXIT_FAILED, EXIT_TAKEN, EXIT_USER, print, printJson } from './output.ts';
import { isDecided, Progress } from './progress.ts';
import { renderPlan } from './render-plan.ts';
import { painter } from './render-status.ts';
import {
  planApplication,
  runApplication,
  type ApplicationPlace,
  type RunningApplication,
} from './running-application.ts';
import { showOutput } from './show-output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface UpOptions extends CommonOptions {
  readonly detach?: boolean;
  readonly dryRun?: boolean;
}

interface Target extends ApplicationPlace {
  readonly app: App;
}

/** A controller makes little garbage: without a bound V8 lets its young generation grow to 50 MB. */
const CONTROLLER_FLAGS = ['--max-semi-space-size=2'];
/** How often it is looked whether a controller answers; ms. */
const LOOK_INTERVAL = 80;
/** How long a controller that has the lock may take to answer; ms. */
const CONTROLLER_TIMEOUT = 15_000;
/** Beyond the longest `health.start` of the file: how long `up --detach` waits until it reports; ms. */
const DETACH_GRACE = 60_000;

/** @returns the exit code */
export async function up(options: UpOptions, context: VerbContext): Promise<number> {
  const { app, file, folder } = await loadApp(options.app, context.cwd);
  const target: Target = { app, file, folder, state: stateFolder(folder), shell: context.env };
  if (options.dryRun === true) return showPlan(target, options, context);
  if (options.detach === true) return upDetached(target, options, context);
  const running = await runApplication(target);
  return running === undefined
    ? applyToRunning(target, options, context)
    : foreground(running, target, { options, context });
}

async function showPlan(target: Target, options: UpOptions, context: VerbContext): Promise<number> {
  const phases =
    (await planApplication(target)) ??
    ((await clientOf(target).post('/preview', { shell: shellValues(target) })) as readonly NamedPhasePlan[]);
  if (options.json === true) printJson(context, phases);
  else print(context, renderPlan(phases, painter(context.stdout)));
  return 0;
}

async function foreground(
  running: RunningApplication,
  target: Target,
  { options, context }: { options: UpOptions; context: VerbContext },
): Promise<number> {
  const progress = new Progress(context.stderr);
  const forget = running.onEvent(({ kind, part, text }) => {
    if (kind === 'problem') progress.note(`${part}: ${text}`);
  });
  const over = new AbortController();
  void running.ended.then(() => over.abort());
  const quit = AbortSignal.any([over.signal, context.interrupted]);
  await follow(() => Promise.resolve(running.status()), {
    progress,
    until: isDecided,
    quit,
    pace: LOOK_INTERVAL,
  });
  forget();
  const status = running.status();
  if (!quit.aborted && status !== undefined) {
    // What fails is told and tried again; the rest runs on, and its output tells more.
    report(status, options, context);
    if (options.json !== true) print(context, 'Ctrl-C ends everything.\n');
    await showOutput(target.state.logs, running, { context, quit });
  }
  if (context.interrupted.aborted) print(context, '\nEnding; Ctrl-C again ends it by force.', 'stderr');
  await running.end((text) => print(context, text, 'stderr'), context.hurried);
  await running.ended;
  return 0;
}

/** The controller in a process of its own; this one ends once the application is up. */
async function upDetached(target: Target, options: UpOptions, context: VerbContext): Promise<number> {
  await openStateFolder(target.state);
  const client = clientOf(target);
  const started = (await isRunning(client)) ? undefined : await startController(target);
  if (started === undefined) return applyToRunning(target, options, context);
  const limit = AbortSignal.timeout(
    DETACH_GRACE + Math.max(...target.app.services.map((s) => s.health.start)),
  );
  const quit = AbortSignal.any([limit, context.interrupted, started.gone]);
  const progress = new Progress(context.stderr);
  const status = await follow(() => statusOf(client), {
    progress,
    until: isDecided,
    quit,
    pace: LOOK_INTERVAL,
  });
  // Another `up` was faster with the lock: this one asks it instead.
  if (started.wasTaken()) return applyToRunning(target, options, context);
  if (started.gone.aborted) throw await started.why();
  if (status === undefined)
    throw new OperationError('the controller does not say how it is; see .holdfast/logs/controller.log');
  return report(status, options, context);
}

async function applyToRunning(target: Target, options: UpOptions, context: VerbContext): Promise<number> {
  const client = clientOf(target);
  await reachController(client, context.interrupted);
  await client.post('/apply', { shell: shellValues(target) }).catch(requireStillRunning);
  const progress = new Progress(context.stderr);
  const limit = AbortSignal.timeout(
    DETACH_GRACE + Math.max(...target.app.services.map((s) => s.health.start)),
  );
  const quit = AbortSignal.any([limit, context.interrupted]);
  const look = async (): Promise<Status | undefined> =>
    ((await client.get('/status').catch(requireStillRunning)) as Status | null) ?? undefined;
  const status = await follow(look, { progress, until: isDecided, quit, pace: LOOK_INTERVAL });
  if (status === undefined) throw new OperationError('the running application does not say how it is');
  if (options.json !== true)
    print(context, 'It runs already; what changed in the file is in force.', 'stderr');
  return report(status, options, context);
}

function report(status: Status, options: UpOptions, context: VerbContext): number {
  announce(status, options, context);
  if (status.state === 'ready') return 0;
  print(context, describeProblems(status), 'stderr');
  return EXIT_FAILED;
}

function announce(status: Status, options: UpOptions, context: VerbContext): void {
  if (options.json === true) printJson(context, status);
  else print(context, `\n${painter(context.stdout)('bold', status.url ?? 'no routes')}\n`);
}

interface StartedController {
  /** Aborted when it has ended. */
  readonly gone: AbortSignal;
  /** It has ended because another one runs the application. */
  wasTaken(): boolean;
  /** Why it has ended. */
  why(): Promise<Error>;
}

async function startController(target: Target): Promise<StartedController> {
  const log = await open(target.state.controllerLog, 'a', 0o600);
  const { size } = await log.stat();
  const main = new URL('../main.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [...CONTROLLER_FLAGS, entryOf(main), 'controller', '--app', target.file],
    {
      cwd: target.folder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: target.shell,
    },
  );
  const spawned = once(child, 'spawn');
  const gone = new AbortController();
  child.once('exit', () => gone.abort());
  await spawned;
  await log.close();
  child.unref();
  const why = async (): Promise<Error> => {
    if (child.signalCode !== null) return new ControllerLost();
    const file = await open(target.state.controllerLog);
    try {
      const text = (await file.readFile('utf8')).slice(size).trim();
      const words = text === '' ? 'the controller ended at once' : text;
      return child.exitCode === EXIT_USER
        ? new UserError(words.replace(/^holdfast: /, ''))
        : new OperationError(words);
    } finally {
      await file.close();
    }
  };
  return { gone: gone.signal, wasTaken: () => child.exitCode === EXIT_TAKEN, why };
}

/** This program as it was started: from source, or as it was built. */
function entryOf(source: string): string {
  return import.meta.url.endsWith('.ts')
    ? decodeURIComponent(source)
    : decodeURIComponent(source).replace(/\.ts$/, '.js');
}

async function reachController(client: ControlClient, interrupted: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([AbortSignal.timeout(CONTROLLER_TIMEOUT), interrupted]);
  while (!(await isRunning(client))) {
    if (limit.aborted)
      throw new OperationError(
        `another controller holds the application but has not answered for ${CONTROLLER_TIMEOUT / 1000} s`,
      );
    await sleep(LOOK_INTERVAL);
  }
}

async function isRunning(client: ControlClient): Promise<boolean> {
  return (await statusOrNotRunning(client)) !== 'not running';
}

async function statusOf(client: ControlClient): Promise<Status | undefined> {
  const answer = await statusOrNotRunning(client);
  return answer === 'not running' ? undefined : answer;
}

async function statusOrNotRunning(client: ControlClient): Promise<Status | undefined | 'not running'> {
  try {
    return ((await client.get('/status')) as Status | null) ?? undefined;
  } catch (error) {
    if (error instanceof NotRunning) return 'not running';
    throw error;
  }
}

function clientOf({ state }: Target): ControlClient {
  return controlClient(controlSocket(state));
}

/** The variables that the file takes from the shell: the running controller has another shell than this one. */
function shellValues({ app, shell }: Target): Record<string, string> {
  const sources = [
    ...app.services.flatMap((service) => Object.values(service.env)),
    ...(app.database?.topology === 'external' ? [app.database.url] : []),
  ];
  const names = sources.flatMap((source) => (source.kind === 'from' ? [source.variable] : []));
  return Object.fromEntries(
    names.flatMap((name) => (shell[name] === undefined ? [] : [[name, shell[name]]])),
  );
}
