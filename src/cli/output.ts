/** Printing: people get text, programs get JSON, each on a line of its own. */
import type { ShownStatus } from './shown-status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Exit codes: what failed although it was asked for correctly, and what the user can mend. */
export const EXIT_FAILED = 1;
export const EXIT_USER = 2;
/** Of `controller`: another one runs the application already. */
export const EXIT_TAKEN = 3;

export function print(context: VerbContext, text: string, to: 'stdout' | 'stderr' = 'stdout'): void {
  context[to].write(`${text}\n`);
}

export function printJson(context: VerbContext, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value)}\n`);
}

/** What keeps an application from being ready, and where to look. */
export function describeProblems(status: ShownStatus, options: CommonOptions = {}): string {
  const { problem = '' } = status;
  const others = status.waiting.filter(({ reason }) => !problem.includes(reason));
  const lines = others.map(({ part, reason }) => `  ${part}: ${reason}`);
  const failing = status.services.find((service) => service.ready < service.wanted)?.name;
  const next = failing === undefined ? 'holdfast status' : `holdfast logs ${failing}`;
  return [
    'Not everything is ready:',
    ...(problem === '' ? [] : [problem]),
    ...lines,
    `See: ${next}${placeFlags(options)}`,
  ].join('\n');
}

/** The flags by which another verb acts on the same place: ` --context prod --namespace shop`; empty on a machine. */
export function placeFlags({ context, namespace }: CommonOptions): string {
  if (context === undefined) return '';
  return ` --context ${context}${namespace === undefined ? '' : ` --namespace ${namespace}`}`;
}
