import type { ObjectStep } from '../../platform/step.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';
import { planObjects } from './objects.ts';

/** The objects of the database are there, and it answers. An external one is only watched. */
export function planClusterDatabase(input: PhaseInput): PhasePlan<ObjectStep> {
  const { steps, waiting } = planObjects('database', input);
  const { state, problem } = input.observed.database;
  if (state === 'none' || state === 'ready') return { steps, waiting };
  return { steps, waiting: [...waiting, { part: 'database', reason: problem ?? 'starts' }] };
}
