/** What an App's conditions come to for somebody who waits for it, in kstatus' terms. Pure. */
import type { AppObject, Condition } from '../observe/kinds.ts';

export interface Readiness {
  /** `unseen`: the controller has not looked at the latest change yet. */
  readonly state: 'ready' | 'waiting' | 'stalled' | 'unseen';
  /** Why, and what to do where somebody has to act. */
  readonly message: string;
}

export function readinessOf(object: AppObject): Readiness {
  const seen = Number(object.status?.['observedGeneration'] ?? 0);
  if (seen < (object.metadata.generation ?? 1))
    return { state: 'unseen', message: 'the controller has not looked at the latest change yet' };
  const stalled = appCondition(object, 'Stalled');
  if (stalled?.status === 'True') return { state: 'stalled', message: messageOf(stalled) };
  const ready = appCondition(object, 'Ready');
  return { state: stateOf(ready), message: messageOf(ready) };
}

function stateOf(ready: Condition | undefined): Readiness['state'] {
  if (ready?.status === 'True') return 'ready';
  return ready?.reason === 'Paused' ? 'stalled' : 'waiting';
}

function messageOf(condition: Condition | undefined): string {
  return condition?.message ?? 'nothing is known yet';
}

export function appCondition({ status }: AppObject, type: string): Condition | undefined {
  const conditions = (status?.['conditions'] ?? []) as readonly Condition[];
  return conditions.find((condition) => condition.type === type);
}
