/** `logs`: the output of one instance, one service or everything, each line with its source. */
import { UserError } from '../app/failure.ts';
import { checkStateVersion } from '../platform/machine/state-folder.ts';
import { followLogs, lastLines, logIds, type LogLine } from './log-reader.ts';
import { printJson } from './output.ts';
import { prefixed } from './show-output.ts';
import { placeOf, type CommonOptions, type VerbContext } from './verb-context.ts';

export interface LogsOptions extends CommonOptions {
  readonly follow?: boolean;
  /** How many lines of each source to begin with. */
  readonly lines: number;
}

/** @param about an instance, a service, `database`, `router` or `controller`; without it everything */
export async function logs(
  about: string | undefined,
  options: LogsOptions,
  context: VerbContext,
): Promise<number> {
  if (options.context !== undefined)
    return (await import('./cluster-output.ts')).clusterLogs(about, options, context);
  const { state } = await placeOf(options, context);
  await checkStateVersion(state);
  const wants = (id: string): boolean =>
    about === undefined
      ? id !== 'controller'
      : id === about || (id.startsWith(`${about}-`) && /^\d+$/.test(id.slice(about.length + 1)));
  const ids = await logIds(state.logs);
  const chosen = ids.filter(wants);
  if (chosen.length === 0 && (about !== undefined || ids.length === 0))
    throw new UserError(
      ids.length === 0
        ? 'nothing has run here yet; start it: holdfast up'
        : `no output of "${about}"; there is ${ids.join(', ')}`,
    );
  const write = (line: LogLine): void => {
    if (options.json === true) printJson(context, line);
    else context.stdout.write(`${prefixed(line, context.stdout)}\n`);
  };
  for (const id of chosen) for (const line of await lastLines(state.logs, id, options.lines)) write(line);
  if (options.follow === true) await followLogs(state.logs, wants, write, context.interrupted);
  return 0;
}
