/**
 * Conditions about what does not decide whether an application is ready: a wish that can't be had, or a
 * service that is not scaled as it could be. Each is there only where it has a meaning. Pure.
 */
import type { Observation } from '../platform/observation.ts';
import type { ContractStatus } from './contract.ts';
import type { StatusCondition } from './conditions.ts';

/** What of an observation they are about. */
export interface SideFacts {
  /** What is asked of the database's volume and can't be had, and what to do. */
  readonly volumeProblem?: string;
  readonly scaling?: Observation['scaling'];
  readonly contract?: ContractStatus | undefined;
}

export function sideConditions({ volumeProblem, scaling = {}, contract }: SideFacts): StatusCondition[] {
  const volume: StatusCondition[] =
    volumeProblem === undefined
      ? []
      : [{ type: 'VolumeAsWanted', status: 'False', reason: 'CannotBeHad', message: volumeProblem }];
  return [...volume, ...contracted(contract), ...scaledByLoad(scaling)];
}

const CONTRACT_REASONS = {
  pending: 'Pending',
  running: 'Applying',
  held: 'Failed',
  applied: 'Applied',
} as const;

function contracted(contract: ContractStatus | undefined): StatusCondition[] {
  if (contract === undefined) return [];
  const { state, files, reason } = contract;
  const message = files.length === 0 ? reason : `${files.join(', ')}: ${reason}`;
  const status = state === 'applied' ? 'True' : 'False';
  return [{ type: 'SchemaContracted', status, reason: CONTRACT_REASONS[state], message }];
}

/** Nothing is said before every autoscaler has tried. */
function scaledByLoad(scaling: NonNullable<Observation['scaling']>): StatusCondition[] {
  const services = Object.entries(scaling);
  const blind = services.flatMap(([name, { state, problem = '' }]) =>
    state === 'blind' ? [`${name} keeps the number of instances that it has: ${problem}`] : [],
  );
  if (blind.length > 0)
    return [{ type: 'ScaledByLoad', status: 'False', reason: 'NoFigures', message: blind.join('\n') }];
  if (services.length === 0 || services.some(([, { state }]) => state === 'unknown')) return [];
  const message = `${services.map(([name]) => name).join(', ')}: scaled by load`;
  return [{ type: 'ScaledByLoad', status: 'True', reason: 'Figures', message }];
}
