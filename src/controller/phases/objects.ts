/** Objects that a phase brings about: those that are missing or differ are applied, those that nobody wants go. */
import type { ObjectObservation } from '../../platform/observation.ts';
import type { ObjectStep } from '../../platform/step.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';

/** The steps for the objects of a phase; `hold` keeps some from being applied yet. */
export function planObjects(
  phase: ObjectObservation['phase'],
  { observed }: PhaseInput,
  hold: (object: ObjectObservation) => boolean = () => false,
): PhasePlan<ObjectStep> {
  const own = (observed.objects ?? []).filter((object) => object.phase === phase);
  const steps = own.flatMap((object) => (hold(object) ? [] : objectStep(object)));
  const parts = new Set(steps.map((step) => ('part' in step ? step.part : phase)));
  return { steps, waiting: [...parts].map((part) => ({ part, reason: 'its objects are being applied' })) };
}

function objectStep({ kind, name, part, state, difference }: ObjectObservation): ObjectStep[] {
  switch (state) {
    case 'as-wanted':
      return [];
    case 'orphaned':
      return [{ kind: 'delete-object', object: kind, name, part }];
    case 'missing':
      return [{ kind: 'apply-object', object: kind, name, part, reason: 'it is missing' }];
    case 'different':
      return [{ kind: 'apply-object', object: kind, name, part, reason: reasonOf(difference) }];
  }
}

/** A mark that differs says only that what the object is made from has changed. */
function reasonOf(difference: string | undefined): string {
  if (difference === undefined || difference.startsWith('metadata.annotations.')) return 'it is outdated';
  return difference.includes(' ') ? difference : `${difference} differs`;
}
