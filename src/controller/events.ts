/** What happened, in words: for the terminal, `up --detach` and the dashboard. */
import type { InstanceObservation, Observation } from '../platform/observation.ts';

export interface ControllerEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Instance id, service, `database`, `migrations`, `router` or `application`. */
  readonly part: string;
  readonly kind: 'step' | 'state' | 'problem';
  readonly text: string;
}

/** What changed between two observations. Pure. */
export function changesBetween(before: Observation | undefined, after: Observation): ControllerEvent[] {
  const state = (part: string, kind: ControllerEvent['kind'], text: string): ControllerEvent => ({
    at: after.now,
    part,
    kind,
    text,
  });
  const parts = (['database', 'migrations', 'router'] as const).flatMap((part) => {
    const [was, is] = [before?.[part].state, after[part].state];
    if (was === is) return [];
    const { problem } = after[part];
    return [
      state(
        part,
        problem === undefined ? 'state' : 'problem',
        problem === undefined ? is : `${is}: ${problem}`,
      ),
    ];
  });
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  const instances = after.instances.flatMap((instance) => {
    const was = known.get(instance.id);
    if (was?.state === instance.state && was.incarnation === instance.incarnation) return [];
    return [state(instance.id, instance.state === 'dead' ? 'problem' : 'state', instanceText(instance))];
  });
  return [...parts, ...instances];
}

function instanceText(instance: InstanceObservation): string {
  const problem = instance.problem === undefined ? '' : `: ${instance.problem}`;
  return instance.state === 'ready'
    ? `ready at ${instance.host}:${instance.port}`
    : `${instance.state}${problem}`;
}
