/**
 * The contract of the release in force: what it takes away from the schema, once nobody needs it any more. Pure.
 * What always holds: it is applied only while every instance that runs is of the release in force, and as many are
 * ready as are wanted. An application is ready without it.
 */
import { compareVersions } from '../migration/migration-set.ts';
import { closedWayText } from '../migration/release-phase.ts';
import type { ContractObservation, InstanceObservation, Observation } from '../platform/observation.ts';
import type { Prepared } from '../platform/platform.ts';
import { instanceCount } from '../scaling/instance-count.ts';
import type { Desired } from './desired.ts';
import type { Waiting } from './phase.ts';

/** How far the contract is, for people. */
export interface ContractStatus {
  readonly state: 'pending' | 'running' | 'held' | 'applied';
  /** Names of the files, as far as they are known. */
  readonly files: readonly string[];
  /** What it waits for, what went wrong and what to do, or what it means that it is applied. */
  readonly reason: string;
}

export interface ContractFacts {
  readonly desired: Desired;
  readonly observed: Observation;
}

const REMEDY = 'Everything goes on as it is. Mend the file and deploy it, or try again: holdfast migrate run';

/** Undefined where there is none, or whether there is one is not known yet. */
export function contractStatus(facts: ContractFacts): ContractStatus | undefined {
  const contract = contractInForce(facts);
  if (contract === undefined) return undefined;
  const { files } = contract;
  switch (contract.state) {
    case 'none':
    case 'unknown':
      return undefined;
    case 'pending':
      return { state: 'pending', files, reason: contractObstacle(facts) ?? 'is due' };
    case 'running':
      return { state: 'running', files, reason: contract.progress ?? 'is being applied' };
    case 'retry':
      return { state: 'pending', files, reason: contract.problem ?? 'is tried again' };
    case 'held':
      return { state: 'held', files, reason: `${contract.problem ?? 'it failed'}\n${REMEDY}` };
    case 'applied':
      return {
        state: 'applied',
        files,
        reason: 'no version from before it can work any more: there is no way back',
      };
  }
}

/** What is known of the contract of exactly the files that are in force. */
export function contractInForce({ desired, observed }: ContractFacts): ContractObservation | undefined {
  const { contract } = observed.migrations;
  const set = desired.inForce?.migrationSet;
  return set !== undefined && contract?.set === set ? contract : undefined;
}

/** Why the contract may not be applied now. */
export function contractObstacle({ desired, observed }: ContractFacts): string | undefined {
  const { inForce, accepted } = desired;
  if (inForce === undefined) return 'waits until a version is in force';
  const older = observed.instances.filter((instance) => isOlder(instance, inForce)).map(({ id }) => id);
  if (older.length > 0) return `waits for instances of an older version to end: ${older.join(', ')}`;
  const missing = inForce.app.services.flatMap(({ name }) => missingOf(name, inForce, { desired, observed }));
  if (missing.length > 0) return `waits until the release is finished: ${missing.join(', ')}`;
  if (observed.database.state !== 'ready') return 'waits for the database';
  // Where releases are rolled back, that is over only once this one is accepted.
  if (observed.rollouts !== undefined && inForce !== accepted) return 'waits until the release is accepted';
  return undefined;
}

/** It runs, or may run, and was not made from what is in force. */
function isOlder({ state, mayRun, service, template }: InstanceObservation, inForce: Prepared): boolean {
  return (state !== 'dead' || mayRun === true) && inForce.templates[service] !== template;
}

function missingOf(
  name: string,
  { app, templates }: Prepared,
  { desired, observed }: ContractFacts,
): string[] {
  const rollout = observed.rollouts?.[name];
  if (rollout !== undefined) return rollout.state === 'complete' ? [] : [`${name} ${rollout.problem ?? ''}`];
  const service = app.services.find((candidate) => candidate.name === name);
  const wanted = service === undefined ? 0 : instanceCount(service, desired.scale);
  const ready = observed.instances.filter(
    (i) => i.service === name && i.state === 'ready' && i.template === templates[name],
  ).length;
  return ready >= wanted ? [] : [`${name} ${ready} of ${wanted} ready`];
}

/** Why an earlier version can't come back: the contract of the release in force has taken away what it needs. */
export function closedWay(wanted: Prepared, { desired, observed }: ContractFacts): string | undefined {
  const { inForce } = desired;
  const contract = contractInForce({ desired, observed });
  if (inForce?.contract === undefined || contract?.state !== 'applied') return undefined;
  if (wanted.contract !== undefined && compareVersions(wanted.contract, inForce.contract) >= 0)
    return undefined;
  return closedWayText(contract.files.join(', '));
}

/** What `plan` says of a contract that comes with a release. */
export function announcedContract(wanted: Prepared, inForce: Prepared | undefined): Waiting[] {
  const { contract } = wanted;
  if (contract === undefined || inForce === undefined || contract === inForce.contract) return [];
  const reason = `version ${contract} waits until no instance of an older version is left; then there is no way back`;
  return [{ part: 'contract', reason }];
}

/**
 * Why the next set of files has to wait: it may build on the contract of the release in force, which will come by
 * itself. A release that does not get ready, or whose contract failed, is not waited for: the next one may mend it.
 */
export function waitsForContract(facts: ContractFacts): string | undefined {
  const { wanted, inForce } = facts.desired;
  if (inForce === undefined || wanted.migrationSet === inForce.migrationSet) return undefined;
  const state = contractInForce(facts)?.state;
  if (state === undefined || !COMES_BY_ITSELF.has(state) || isFailing(inForce, facts)) return undefined;
  const reason = contractStatus(facts)?.reason ?? 'it is not known yet whether there is one';
  return `wait for the contract of the release in force, which ${reason}`;
}

const COMES_BY_ITSELF: ReadonlySet<string> = new Set(['unknown', 'pending', 'running', 'retry']);

function isFailing({ app, templates }: Prepared, { observed }: ContractFacts): boolean {
  const { rollouts = {}, instances } = observed;
  if (app.services.some(({ name }) => rollouts[name]?.state === 'stuck')) return true;
  return instances.some(
    ({ failed, state, service, template }) => failed && state !== 'ready' && templates[service] === template,
  );
}
