/** The words for a plan. Pure. */
import type { NamedPhasePlan } from '../controller/plan.ts';
import { describeStep, partOf } from '../platform/step.ts';
import type { Paint } from './render-status.ts';

export function renderPlan(phases: readonly NamedPhasePlan[], paint: Paint): string {
  const lines = phases.flatMap((phase) => [
    paint('bold', phase.name),
    ...phase.steps.map((step) => `  ${paint('green', '+')} ${partOf(step)}: ${describeStep(step)}`),
    ...phase.waiting.map(({ part, reason }) => `  ${paint('yellow', '…')} ${part}: ${reason}`),
    ...(phase.steps.length + phase.waiting.length === 0 ? [paint('dim', '  nothing to do')] : []),
  ]);
  return lines.join('\n');
}
