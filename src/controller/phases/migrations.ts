import type { PhaseInput, PhasePlan } from '../phase.ts';

/**
 * The wanted set of migrations is applied, and only then does the wanted application come into force.
 * A set that is held back keeps what is in force as it is.
 */
export function planMigrations(input: PhaseInput): PhasePlan {
  const { desired, observed } = input;
  const set = desired.wanted.migrationSet;
  if (set !== undefined && !(observed.migrations.state === 'applied' && observed.migrations.set === set))
    return applySet(set, input);
  return { steps: desired.inForce === desired.wanted ? [] : [{ kind: 'admit' }], waiting: [] };
}

function applySet(set: string, { observed }: PhaseInput): PhasePlan {
  const { migrations, database, now } = observed;
  const wait = (reason: string): PhasePlan => ({ steps: [], waiting: [{ part: 'migrations', reason }] });
  const run: PhasePlan = {
    steps: [{ kind: 'migrate', set }],
    waiting: [{ part: 'migrations', reason: 'are being applied' }],
  };
  if (database.state !== 'ready') return wait('wait for the database');
  if (migrations.set !== set) return migrations.state === 'running' ? wait('wait for the run before') : run;
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
