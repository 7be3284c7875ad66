/**
 * The process that runs an application on this machine: controller, platform and control socket, wired
 * together. Used by `up` in the foreground and by `controller` behind `up --detach`.
 */
import { loadApp } from '../app/load.ts';
import type { App } from '../app/model.ts';
import { listenForControl, type Control } from '../controller/control-server.ts';
import { Controller } from '../controller/controller.ts';
import type { ControllerEvent } from '../controller/events.ts';
import type { NamedPhasePlan } from '../controller/plan.ts';
import type { Status } from '../controller/status.ts';
import { tryLock } from '../platform/machine/lock.ts';
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

/** A machine's platform that this process alone drives, until it is released. */
interface HeldMachine {
  readonly platform: MachinePlatform;
  /** Lets go; what runs, runs on. */
  release(): Promise<void>;
}

/** Takes the application's lock and adopts what runs. Undefined when another process has the lock. */
async function holdMachine(
  place: Pick<ApplicationPlace, 'folder' | 'state' | 'shell'>,
): Promise<HeldMachine | undefined> {
  await openStateFolder(place.state);
  const lock = await tryLock(place.state.lock, place.shell['PATH'] ?? '');
  if (lock === undefined) return undefined;
  const platform = new MachinePlatform(place);
  const release = async (): Promise<void> => {
    await platform.close();
    await lock.release();
  };
  try {
    await platform.open();
    return { platform, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Becomes the controller of an application and starts to bring it up. Undefined when another process is
 * its controller. @throws UserError when the file or the machine does not allow it; then nothing was started.
 */
export async function runApplication(place: ApplicationPlace): Promise<RunningApplication | undefined> {
  const { app } = await loadApp(place.file, place.folder);
  const machine = await holdMachine(place);
  if (machine === undefined) return undefined;
  try {
    const controller = new Controller(machine.platform, fileSettings(place.state));
    await controller.open();
    // As in a running application, an `up` tries at once whatever failed before it.
    await machine.platform.tryAgain();
    await controller.want(app);
    return await start({ controller, machine, place });
  } catch (error) {
    await machine.release();
    throw error;
  }
}

/** What `up` would do now; starts nothing. Undefined when another process is the controller. */
export async function planApplication(
  place: ApplicationPlace,
): Promise<readonly NamedPhasePlan[] | undefined> {
  const { app } = await loadApp(place.file, place.folder);
  const machine = await holdMachine(place);
  if (machine === undefined) return undefined;
  try {
    const controller = new Controller(machine.platform, fileSettings(place.state));
    await controller.open();
    return await controller.preview(app);
  } finally {
    await machine.release();
  }
}

/** Ends what a controller left behind that runs no more. Undefined when a controller is at work. */
export async function endLeftovers(
  place: Pick<ApplicationPlace, 'folder' | 'state' | 'shell'>,
  progress: (text: string) => void,
  hurry: AbortSignal,
): Promise<true | undefined> {
  const machine = await holdMachine(place);
  if (machine === undefined) return undefined;
  try {
    await machine.platform.end(progress, hurry);
    return true;
  } finally {
    await machine.release();
  }
}

interface Parts {
  readonly controller: Controller<Awaited<ReturnType<MachinePlatform['prepare']>>>;
  readonly machine: HeldMachine;
  readonly place: ApplicationPlace;
}

async function start({ controller, machine, place }: Parts): Promise<RunningApplication> {
  const stopping = new AbortController();
  const { promise: ended, resolve: haveEnded } = Promise.withResolvers<void>();
  let ending: Promise<void> | undefined;
  const end: RunningApplication['end'] = (progress, hurry) => {
    ending ??= (async () => {
      try {
        stopping.abort();
        await running;
        await machine.platform.end(progress, hurry);
      } finally {
        // Whatever could not be ended is left to the next `down`, which needs the lock. The socket's file
        // goes before that: after it another controller may have one there.
        const closed = listener.close();
        await machine.release();
        haveEnded(closed);
      }
    })();
    return ending;
  };
  const control = controlOf({ controller, machine, place }, end);
  const listener = await listenForControl(controlSocket(place.state), control);
  const running = controller.run(stopping.signal);
  return {
    status: () => controller.status(),
    onEvent: (listener) => controller.onEvent(listener),
    end,
    // With the answer to whoever asked for the end.
    ended,
  };
}

function controlOf({ controller, machine, place }: Parts, end: RunningApplication['end']): Control {
  const { platform } = machine;
  const want = async (app: App): Promise<void> => {
    await controller.want(app);
    await controller.nextRound();
  };
  return {
    status: () => controller.status(),
    async apply(shell) {
      const { app } = await loadApp(place.file, place.folder);
      await platform.tryAgain();
      platform.useShell(shell);
      await want(app);
    },
    async preview(shell) {
      const { app } = await loadApp(place.file, place.folder);
      platform.useShell(shell);
      return controller.preview(app);
    },
    async scale(counts) {
      await controller.scale(counts);
      await controller.nextRound();
    },
    async restart(service) {
      await controller.restart(service);
      await controller.nextRound();
    },
    explain: (question) => controller.explain(question),
    async migrate() {
      const { app } = await loadApp(place.file, place.folder);
      await platform.tryAgain();
      await want(app);
    },
    end: () => end(() => undefined, new AbortController().signal),
  };
}
