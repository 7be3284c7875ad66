import type { ProcessStep } from '../../platform/step.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';

/** The database runs and answers. An external one is only watched. */
export function planDatabase({ desired, observed }: PhaseInput): PhasePlan<ProcessStep> {
  const { topology } = desired.wanted.app.database ?? {};
  const { state, problem } = observed.database;
  const wait = (reason: string): PhasePlan<never> => ({ steps: [], waiting: [{ part: 'database', reason }] });
  switch (state) {
    case 'none':
    case 'ready':
      return { steps: [], waiting: [] };
    case 'absent':
      return topology === 'single'
        ? { steps: [{ kind: 'start-database' }], waiting: [{ part: 'database', reason: 'starts' }] }
        : wait(problem ?? 'does not answer');
    case 'starting':
      return wait(problem ?? 'starts');
    case 'unready':
    case 'failed':
      return wait(problem ?? 'does not answer');
  }
}
