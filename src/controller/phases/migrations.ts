import type { AdmitStep, SharedStep } from '../../platform/step.ts';
import type { InstanceState } from '../../platform/observation.ts';
import { waitsForContract } from '../contract.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';

/**
 * The wanted set of migrations is applied, and only then does the wanted application come into force.
 * A set that is held back keeps what is in force as it is.
 */
export function planMigrations(input: PhaseInput): PhasePlan<AdmitStep | SharedStep> {
  const { desired, observed } = input;
  if (desired.refused !== undefined) return { steps: [], waiting: [] };
  const set = desired.wanted.migrationSet;
  if (set !== undefined && !(observed.migrations.state === 'applied' && observed.migrations.set === set))
    return applySet(set, input);
  return { steps: desired.inForce === desired.wanted ? [] : [{ kind: 'admit' }], waiting: [] };
}

function applySet(set: string, input: PhaseInput): PhasePlan<AdmitStep | SharedStep> {
  const { migrations, now } = input.observed;
  const obstacle = obstacleTo(set, input);
  if (obstacle !== undefined) return wait(obstacle);
  const run: PhasePlan<SharedStep> = {
    steps: [{ kind: 'migrate', set, extent: extentOf(input) }],
    waiting: [{ part: 'migrations', reason: 'are being applied' }],
  };
  if (migrations.set !== set) return run;
  switch (migrations.state) {
    case 'none':
    case 'unknown':
    case 'applied':
      return run;
    case 'running':
      return wait(migrations.progress ?? 'are being applied');
    case 'retry':
      return now >= (migrations.retryAt ?? 0) ? run : wait(migrations.problem ?? 'are tried again');
    case 'held':
      return wait(migrations.problem ?? 'are held back');
  }
}

function wait(reason: string): PhasePlan<never> {
  return { steps: [], waiting: [{ part: 'migrations', reason }] };
}

/** Why the set can't be looked at yet. */
function obstacleTo(set: string, input: PhaseInput): string | undefined {
  const { migrations, database } = input.observed;
  if (database.state !== 'ready') return 'wait for the database';
  if (migrations.set === set) return undefined;
  return migrations.state === 'running' ? 'wait for the run before' : waitsForContract(input);
}

/** At the first installation nobody is there who would need what a contract takes away. */
function extentOf({ desired, observed }: PhaseInput): 'expand' | 'everything' {
  const isFirst =
    desired.inForce === undefined && !observed.instances.some(({ state }) => HAS_BEEN_READY.has(state));
  return isFirst ? 'everything' : 'expand';
}

const HAS_BEEN_READY: ReadonlySet<InstanceState> = new Set(['ready', 'unready', 'leaving', 'stopping']);
