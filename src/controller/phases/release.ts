/**
 * What becomes of a release: once everything is ready with it, it is what later ones fall back on; when
 * an instance of it does not get ready in time, what was accepted last comes back into force.
 */
import type { ReleaseStep } from '../../platform/step.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';

export function planRelease({ desired, observed }: PhaseInput): PhasePlan<ReleaseStep> {
  const { inForce, accepted, refused } = desired;
  if (inForce === undefined || refused !== undefined || inForce === accepted)
    return { steps: [], waiting: [] };
  const rollouts = inForce.app.services.map(({ name }) => ({ name, ...observed.rollouts?.[name] }));
  const stuck = rollouts.filter(({ state, name }) => state === 'stuck' && isUpToDate(name, observed));
  if (stuck.length > 0 && accepted !== undefined) {
    const reasons = stuck.map(({ name, problem }) => `${name}: ${problem ?? 'it did not get ready in time'}`);
    return { steps: [{ kind: 'roll-back', reason: reasons.join('; ') }], waiting: [] };
  }
  const isComplete = rollouts.every(({ state, name }) => state === 'complete' && isUpToDate(name, observed));
  return isComplete && observed.router.state === 'ready'
    ? { steps: [{ kind: 'accept' }], waiting: [] }
    : { steps: [], waiting: [] };
}

/** What Kubernetes says of a rollout is about the objects as they were; those of the release may be due yet. */
function isUpToDate(service: string, { objects = [] }: PhaseInput['observed']): boolean {
  return objects.every(({ part, state }) => part !== service || state === 'as-wanted');
}
