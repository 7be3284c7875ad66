/**
 * The process that runs an application on this machine: controller, platform and control socket, wired
 * together. Used by `up` in the foreground and by `controller` behind `up --detach`.
 */
import { rm } from 'node:fs/promises';
import { loadApp } from '../app/load.ts';
import type { App } from '../app/model.ts';
import { listenForControl, type Control } from '../controller/control-server.ts';
import { Controller } from '../controller/controller.ts';
import type { ControllerEvent } from '../controller/events.ts';
import type { NamedPhasePlan } from '../controller/plan.ts';
import type { Status } from '../controller/status.ts';
import { tryLock, type Lock } from '../platform/machine/lock.ts';
import { MachinePlatform } from '../platform/machine/machine-platform.ts';
import { fileSettings } from '../platform/machine/settings-file.ts';
import { controlSocket, openStateFolder, type StateFolder } from '../platform/machine/state-folder.ts';

export interface RunningApplication {
  status(): Status | undefined;
  onEvent(listener: (event: ControllerEvent) => void): () => void;
  /** Ends everything; what it says on the way goes to `progress`. Aborting `hurry` ends it by force. */
  end(progress: (text: string) => void, hurry: AbortSignal): Promise<void>;
  /** Resolves when everything has been ended, by whomever. */
  readonly ended: Promise<void>;
}

export interface ApplicationPlace {
  readonly file: string;
  readonly folder: string;
  readonly state: StateFolder;
  /** The environment that `from` values are taken from. */
  readonly shell: Readonly<Record<string, string | undefined>>;
}

/**
 * Becomes the controller of an application and starts to bring it up. Undefined when another process is
 * its controller. @throws UserError when the file or the machine does not allow it; then nothing was started.
 */
export async function runApplication(place: ApplicationPlace): Promise<RunningApplication | undefined> {
  const { app } = await loadApp(place.file, place.folder);
  await openStateFolder(place.state);
  const lock = await tryLock(place.state.lock, place.shell['PATH'] ?? '');
  if (lock === undefined) return undefined;
  const platform = new MachinePlatform(place);
  try {
    await platform.open();
    const controller = new Controller(platform, fileSettings(place.state));
    await controller.open();
    await controller.want(app);
    return await start({ controller, platform, lock, place });
  } catch (error) {
    await platform.close();
    await lock.release();
    throw error;
  }
}

/** What `up` would do now; starts nothing. Undefined when another process is the controller. */
export async function planApplication(
  place: ApplicationPlace,
): Promise<readonly NamedPhasePlan[] | undefined> {
  const { app } = await loadApp(place.file, place.folder);
  await openStateFolder(place.state);
  const lock = await tryLock(place.state.lock, place.shell['PATH'] ?? '');
  if (lock === undefined) return undefined;
  const platform = new MachinePlatform(place);
  try {
    await platform.open();
    const controller = new Controller(platform, fileSettings(place.state));
    await controller.open();
    return await controller.preview(app);
  } finally {
    await platform.close();
    await lock.release();
  }
}

/** Ends what a controller left behind that runs no more. Undefined when a controller is at work. */
export async function endLeftovers(
  place: Pick<ApplicationPlace, 'folder' | 'state' | 'shell'>,
  progress: (text: string) => void,
  hurry: AbortSignal,
): Promise<true | undefined> {
  await openStateFolder(place.state);
  const lock = await tryLock(place.state.lock, place.shell['PATH'] ?? '');
  if (lock === undefined) return undefined;
  const platform = new MachinePlatform(place);
  try {
    await platform.open();
    await platform.end(progress, hurry);
    return true;
  } finally {
    await platform.close();
    await lock.release();
  }
}

interface Parts {
  readonly controller: Controller<Awaited<ReturnType<MachinePlatform['prepare']>>>;
  readonly platform: MachinePlatform;
  readonly lock: Lock;
  readonly place: ApplicationPlace;
}

async function start({ controller, platform, lock, place }: Parts): Promise<RunningApplication> {
  const stopping = new AbortController();
  const { promise: ended, resolve: haveEnded } = Promise.withResolvers<void>();
  let ending: Promise<void> | undefined;
  const end: RunningApplication['end'] = (progress, hurry) => {
    ending ??= (async () => {
      stopping.abort();
      await running;
      await platform.end(progress, hurry);
      await rm(controlSocket(place.state), { force: true });
      await platform.close();
      await lock.release();
      haveEnded();
    })();
    return ending;
  };
  const control = controlOf({ controller, platform, place, end });
  const server = await listenForControl(controlSocket(place.state), control);
  const running = controller.run(stopping.signal);
  return {
    status: () => controller.status(),
    onEvent: (listener) => controller.onEvent(listener),
    end,
    ended: ended.then(async () => {
      // The answer to whoever asked for the end is still on its way.
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }),
  };
}

function controlOf(parts: Omit<Parts, 'lock'> & { end: RunningApplication['end'] }): Control {
  const { controller, platform, place, end } = parts;
  const want = async (app: App): Promise<void> => {
    await controller.want(app);
    await controller.nextRound();
  };
  return {
    status: () => controller.status(),
    async apply(shell) {
      const { app } = await loadApp(place.file, place.folder);
      platform.retryMigrations();
      platform.useShell(shell);
      await want(app);
    },
    async preview(shell) {
      const { app } = await loadApp(place.file, place.folder);
      platform.useShell(shell);
      return controller.preview(app);
    },
    async scale(service, count) {
      await controller.scale(service, count);
      await controller.nextRound();
    },
    async restart(service) {
      await controller.restart(service);
      await controller.nextRound();
    },
    explain: (service, key) => controller.explain(service, key),
    async migrate() {
      const { app } = await loadApp(place.file, place.folder);
      platform.retryMigrations();
      await want(app);
    },
    end: () => end(() => undefined, new AbortController().signal),
  };
}
