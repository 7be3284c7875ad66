/** `controller`: runs an application without a terminal, for `up --detach` and for supervisors. */
import { loadApp } from '../app/load.ts';
import { stateFolder } from '../platform/machine/state-folder.ts';
import { EXIT_TAKEN, print } from './output.ts';
import { runApplication } from './running-application.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface ControllerOptions extends CommonOptions {
  /** Look after all applications of the cluster that this pod is part of. */
  readonly cluster?: boolean;
}

/** Runs until the application is ended by `down`, or by a signal to this process. */
export async function controller(options: ControllerOptions, context: VerbContext): Promise<number> {
  if (options.cluster === true) return (await import('./cluster-controller.ts')).clusterController(context);
  const { file, folder } = await loadApp(options.app, context.cwd);
  const running = await runApplication({ file, folder, state: stateFolder(folder), shell: context.env });
  if (running === undefined) {
    print(context, 'another controller runs this application already', 'stderr');
    return EXIT_TAKEN;
  }
  const log = (part: string, text: string): void =>
    print(context, `${new Date().toISOString()} ${part}: ${text}`);
  running.onEvent((event) => log(event.part, event.text));
  const interrupted = new Promise<'interrupted'>((resolve) => {
    context.interrupted.addEventListener('abort', () => resolve('interrupted'), { once: true });
  });
  if ((await Promise.race([interrupted, running.ended])) === 'interrupted')
    await running.end((text) => log('application', text), context.hurried);
  await running.ended;
  return 0;
}
