/**
 * The last of a release: what the version before needed and this one does not is taken away. Nothing waits for it,
 * and the application is ready without it.
 */
import type { ContractStep } from '../../platform/step.ts';
import { contractInForce, contractObstacle } from '../contract.ts';
import type { PhaseInput, PhasePlan } from '../phase.ts';

export function planContract(input: PhaseInput): PhasePlan<ContractStep> {
  return { steps: contractStep(input), waiting: [] };
}

function contractStep(input: PhaseInput): ContractStep[] {
  const contract = contractInForce(input);
  if (contract === undefined || contractObstacle(input) !== undefined) return [];
  const { set, state, files, retryAt = 0 } = contract;
  switch (state) {
    case 'none':
    case 'running':
    case 'held':
    case 'applied':
      return [];
    case 'retry':
      return input.observed.now >= retryAt ? [{ kind: 'contract', set, files }] : [];
    case 'unknown':
    case 'pending':
      return [{ kind: 'contract', set, files }];
  }
}
