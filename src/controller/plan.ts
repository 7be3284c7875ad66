/**
 * Planning: from what is wanted and what is seen to the steps that are due, in named phases. Pure, and
 * the same on every platform. A phase that has to wait says for what; later phases plan all the same
 * where they do not depend on it, so one broken part never stops another.
 */
import type { PhaseInput, PhasePlan } from './phase.ts';
import { planDatabase } from './phases/database.ts';
import { planMigrations } from './phases/migrations.ts';
import { planRoutes } from './phases/routes.ts';
import { planServices } from './phases/services.ts';

export interface NamedPhasePlan extends PhasePlan {
  readonly name: (typeof PHASES)[number]['name'];
}

const PHASES = [
  { name: 'database', plan: planDatabase },
  { name: 'migrations', plan: planMigrations },
  { name: 'services', plan: planServices },
  { name: 'routes', plan: planRoutes },
] as const;

/** The plan for one round. With no step and nothing waited for, everything is as wanted. */
export function plan(input: PhaseInput): NamedPhasePlan[] {
  return PHASES.map((phase) => ({ name: phase.name, ...phase.plan(input) }));
}

/** Nothing to do and nothing to wait for. */
export function isSettled(phases: readonly PhasePlan[]): boolean {
  return phases.every((phase) => phase.steps.length === 0 && phase.waiting.length === 0);
}
