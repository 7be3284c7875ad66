/**
 * Planning: from what is wanted and what is seen to the steps that are due, in named phases. Pure. A phase
 * that has to wait says for what; later phases plan all the same where they do not depend on it, so one
 * broken part never stops another.
 *
 * Machine and cluster share the order, what comes into force when, and who owns which users. They differ
 * in who starts and ends instances: here on a machine, Kubernetes on a cluster, where the plan is about
 * objects.
 */
import type { AdmitStep, ClusterStep, MachineStep, ReleaseStep, Step } from '../platform/step.ts';
import type { PhaseInput, PhasePlan } from './phase.ts';
import { planContract } from './phases/contract.ts';
import { planClusterDatabase } from './phases/cluster-database.ts';
import { planClusterRoutes } from './phases/cluster-routes.ts';
import { planClusterServices } from './phases/cluster-services.ts';
import { planDatabase } from './phases/database.ts';
import { planMigrations } from './phases/migrations.ts';
import { planRelease } from './phases/release.ts';
import { planRoutes } from './phases/routes.ts';
import { planServices } from './phases/services.ts';

export interface NamedPhasePlan<S extends Step = Step> extends PhasePlan<S> {
  readonly name: string;
}

export interface Phase<S extends Step> {
  readonly name: string;
  readonly plan: (input: PhaseInput) => PhasePlan<S>;
}

/** Where Holdfast itself starts and ends every process. */
export const MACHINE_PHASES: readonly Phase<AdmitStep | MachineStep>[] = [
  { name: 'database', plan: planDatabase },
  { name: 'migrations', plan: planMigrations },
  { name: 'services', plan: planServices },
  { name: 'routes', plan: planRoutes },
  { name: 'contract', plan: planContract },
];

/** Where Kubernetes does. */
export const CLUSTER_PHASES: readonly Phase<ReleaseStep | ClusterStep>[] = [
  { name: 'database', plan: planClusterDatabase },
  { name: 'migrations', plan: planMigrations },
  { name: 'services', plan: planClusterServices },
  { name: 'routes', plan: planClusterRoutes },
  { name: 'release', plan: planRelease },
  { name: 'contract', plan: planContract },
];

/** The plan for one round. With no step and nothing waited for, everything is as wanted. */
export function plan<S extends Step>(phases: readonly Phase<S>[], input: PhaseInput): NamedPhasePlan<S>[] {
  return phases.map((phase) => ({ name: phase.name, ...phase.plan(input) }));
}

/** Nothing to wait for and nothing to do, but for a contract, without which everything is as wanted. */
export function isSettled(phases: readonly PhasePlan[]): boolean {
  return phases.every(
    ({ steps, waiting }) => steps.every(({ kind }) => kind === 'contract') && waiting.length === 0,
  );
}
