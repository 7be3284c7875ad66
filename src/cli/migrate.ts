/** `migrate run` and `migrate status`. */
import type { Status } from '../controller/status.ts';
import { change, type ChangeOptions } from './change.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { paintState, painter } from './render-status.ts';
import { clientOf, placeOf, requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';

/** Reads the files again and applies what is pending, also after a failure. */
export async function migrateRun(options: ChangeOptions, context: VerbContext): Promise<number> {
  return change(options, context, { path: '/migrate', body: {} });
}

/** @returns 0 when every migration is applied, 1 otherwise */
export async function migrateStatus(options: CommonOptions, context: VerbContext): Promise<number> {
  const client = await clientOf(await placeOf(options, context));
  const status = (await client.get('/status').catch(requireRunning)) as Status | null;
  const migrations = status?.migrations ?? { state: 'unknown', applied: 0, pending: 0 };
  if (options.json === true) printJson(context, migrations);
  else {
    const state = paintState(migrations.state, painter(context.stdout));
    print(context, `${state}: ${migrations.applied} applied, ${migrations.pending} pending`);
    if ('problem' in migrations && migrations.problem !== undefined) print(context, migrations.problem);
  }
  return ['applied', 'none'].includes(migrations.state) ? 0 : EXIT_FAILED;
}
