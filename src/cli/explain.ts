/** `explain KEY`: which instance owns this user and why. */
import type { Explanation } from '../routing/explain.ts';
import { print, printJson } from './output.ts';
import { painter, type Paint } from './render-status.ts';
import { clientOf, placeOf, requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';

export interface ExplainOptions extends CommonOptions {
  /** Needed when more than one service keeps sessions. */
  readonly service?: string;
}

export async function explain(key: string, options: ExplainOptions, context: VerbContext): Promise<number> {
  const client = await clientOf(await placeOf(options, context));
  const query = new URLSearchParams({
    key,
    ...(options.service === undefined ? {} : { service: options.service }),
  });
  const explanation = (await client.get(`/explain?${query.toString()}`).catch(requireRunning)) as Explanation;
  const { owner = null, servedBy = null } = explanation;
  if (options.json === true) printJson(context, { ...explanation, owner, servedBy });
  else print(context, renderExplanation(explanation, painter(context.stdout)));
  return 0;
}

function renderExplanation(found: Explanation, paint: Paint): string {
  return [
    `${paint('bold', found.key)} is served by ${paint('bold', found.servedBy ?? 'nobody: 503 until an owner is there')}`,
    `  slot     ${found.slot}`,
    `  owner    ${found.owner ?? 'nobody'}, epoch ${found.epoch}`,
    `  pinned   ${found.pinned ? 'yes' : 'no'}`,
    `  ${found.reason}`,
  ].join('\n');
}
