/** What a phase of the plan is given and what it gives. */
import type { Observation } from '../platform/observation.ts';
import type { Step } from '../platform/step.ts';
import type { OwnerTable } from '../routing/owner-table.ts';
import type { Desired } from './desired.ts';

export interface PhaseInput {
  readonly desired: Desired;
  readonly observed: Observation;
  /** Owner tables as last published, by service. */
  readonly tables: Readonly<Record<string, OwnerTable>>;
}

export interface Waiting {
  readonly part: string;
  readonly reason: string;
}

/** @typeParam S the steps that this phase may have */
export interface PhasePlan<S extends Step = Step> {
  readonly steps: readonly S[];
  readonly waiting: readonly Waiting[];
}
