/** `explain KEY`: which instance owns this user and why. */
import type { Explanation } from '../routing/explain.ts';
import { print, printJson } from './output.ts';
import { duration, painter, type Paint } from './render-status.ts';
import { controlOf, requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';

export interface ExplainOptions extends CommonOptions {
  /** Needed when more than one service keeps sessions. */
  readonly service?: string;
  /** Instances that are added or removed. */
  readonly if?: readonly string[];
}

export async function explain(key: string, options: ExplainOptions, context: VerbContext): Promise<number> {
  const client = await controlOf(options, context);
  const query = new URLSearchParams({
    key,
    ...(options.service === undefined ? {} : { service: options.service }),
  });
  for (const change of options.if ?? []) query.append('if', change);
  const explanation = (await client.get(`/explain?${query.toString()}`).catch(requireRunning)) as Explanation;
  const { owner = null, servedBy = null } = explanation;
  if (options.json === true)
    printJson(context, { ...explanation, owner, servedBy, ...ofWhatIf(explanation) });
  else print(context, renderExplanation(explanation, Date.now(), painter(context.stdout)));
  return 0;
}

/** Nobody and what is not known are null in JSON. */
function ofWhatIf({ whatIf }: Explanation): object {
  if (whatIf === undefined) return {};
  const { owner = null, users = null } = whatIf;
  return { whatIf: { ...whatIf, owner, users } };
}

/** So many moves are told, the last ones. */
const MOVES_SHOWN = 5;

/** @param now ms since the epoch */
export function renderExplanation(found: Explanation, now: number, paint: Paint): string {
  const { whatIf } = found;
  return [
    `${paint('bold', found.key)} is served by ${paint('bold', found.servedBy ?? 'nobody: 503 until an owner is there')}`,
    `  slot     ${found.slot}`,
    `  owner    ${found.owner ?? 'nobody'}, epoch ${found.epoch}`,
    found.second === undefined ? `  pinned   ${found.pinned ? 'yes' : 'no'}` : `  second   ${found.second}`,
    `  ${found.reason}`,
    ...found.moves.slice(0, MOVES_SHOWN).map((move) => `  ${paint('dim', moveWords(move, now))}`),
    ...(whatIf === undefined
      ? []
      : [
          `  if ${whatIf.changes.join(' ')}: ${whatIf.members.length} instances`,
          ...whatIf.words.map((line) => `    ${line}`),
        ]),
  ].join('\n');
}

function moveWords({ epoch, at, reason, from, to }: Explanation['moves'][number], now: number): string {
  const ago = duration(Math.max(0, now - at));
  return `epoch ${epoch}, ${ago} ago: from ${from ?? 'nobody'} to ${to ?? 'nobody'} (${reason})`;
}
