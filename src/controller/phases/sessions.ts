/**
 * The owner table of a service whose instances hand sessions over: told to all, changed a step at a time.
 * An instance keeps what it has until somebody else has it; one that has ended is replaced at once.
 */
import { defined } from '../../app/defined.ts';
import type { Service } from '../../app/model.ts';
import type { HandOverActivity, InstanceObservation } from '../../platform/observation.ts';
import type { SessionStep } from '../../platform/step.ts';
import { isCopied, type CopiedTable } from '../../routing/hand-over/copied-table.ts';
import { nextChange, type Participant, type Situation } from '../../routing/hand-over/next-change.ts';
import { movedSlots, type OwnerTable } from '../../routing/owner-table.ts';
import type { Member } from '../../session/told-table.ts';
import type { PhaseInput } from '../phase.ts';

/**
 * What is due for the sessions of one service.
 * @param limit how many slots one step hands over at most
 */
export function planSessions(service: Service, input: PhaseInput, limit: number): SessionStep[] {
  const view = viewOf(service, input);
  const change = nextChange({ ...situationOf(service, view), limit });
  if (change?.kind === 'publish') {
    const { table, reason } = change;
    return [{ kind: 'publish-table', table, moved: movedSlots(view.inForce, table), reason }];
  }
  const told = tellAll(view);
  return change === undefined ? [...told, ...followAgain(view)] : [...told, change];
}

/** A router that was started again, or was not told before a controller ended. */
function followAgain({ inForce, backendEpoch, isTelling }: ServiceView): SessionStep[] {
  const isBehind = backendEpoch !== undefined && backendEpoch !== inForce?.epoch;
  return inForce === undefined || isTelling || !isBehind
    ? []
    : [{ kind: 'publish-table', table: inForce, moved: 0, reason: 'the router is behind' }];
}

/** What there is of one service. */
interface ServiceView {
  readonly stored: OwnerTable | undefined;
  /** The stored table, unless it was made for instances that hand nothing over. */
  readonly inForce: CopiedTable | undefined;
  readonly instances: readonly InstanceObservation[];
  /** Ids of the instances that the router knows. */
  readonly routed: ReadonlySet<string>;
  /** Of the table that the router works by; undefined when it does not say. */
  readonly backendEpoch: number | undefined;
  readonly activity: HandOverActivity;
  /** Somebody is telling a table just now. */
  readonly isTelling: boolean;
}

function viewOf({ name }: Service, { observed, tables }: PhaseInput): ServiceView {
  const stored = tables[name];
  const backend = observed.router.backends[name];
  const activity = observed.handOvers?.[name] ?? { isBusy: false, isPublishing: false, postponed: [] };
  return {
    stored,
    inForce: isCopied(stored) ? stored : undefined,
    instances: observed.instances.filter((instance) => instance.service === name),
    routed: new Set(backend?.servers.map((server) => server.name)),
    backendEpoch: backend?.epoch,
    activity,
    isTelling: activity.isBusy || activity.isPublishing,
  };
}

function situationOf({ name }: Service, view: ServiceView): Omit<Situation, 'limit'> {
  const { stored, inForce, instances, backendEpoch = 0, activity } = view;
  const answers = instances.flatMap(({ session }) => session?.answer ?? []);
  return {
    service: name,
    inForce,
    participants: participantsOf(view),
    isBusy: activity.isBusy,
    isFrozen: answers.some(({ frozenFor }) => frozenFor > (inForce?.epoch ?? Infinity)),
    postponed: new Set(activity.postponed),
    after: Math.max(stored?.epoch ?? 0, backendEpoch, ...answers.map(({ epoch }) => epoch)),
  };
}

/** Whoever knows an older table is told the one in force. */
function tellAll({ inForce, instances, isTelling }: ServiceView): SessionStep[] {
  if (inForce === undefined || isTelling) return [];
  return instances
    .filter(
      ({ session }) => session?.isSilent === false && (session.answer?.epoch ?? Infinity) < inForce.epoch,
    )
    .map(({ id, service }) => ({ kind: 'tell-table', id, service, epoch: inForce.epoch }));
}

function participantsOf(view: ServiceView): Map<string, Participant> {
  const found = view.instances.flatMap((instance) => participant(instance, view) ?? []);
  const missing = (view.activity.missing ?? []).map(silentMember);
  return new Map([...missing, ...found].map((participant) => [participant.member.incarnation, participant]));
}

function silentMember(member: Member): Participant {
  return { member, state: 'silent', epoch: 0, lacking: new Set() };
}

/** Undefined for what has ended, and what may not own anything yet. */
function participant(instance: InstanceObservation, view: ServiceView): Participant | undefined {
  const member = memberOf(instance, view.inForce);
  if (member === undefined) return undefined;
  const { epoch = 0, lacking = [] } = instance.session?.answer ?? {};
  const isNamed =
    view.inForce?.members.some(({ incarnation }) => incarnation === member.incarnation) === true;
  const state = isNamed ? namedState(instance) : newState(instance, view);
  return state && { member, state, epoch, lacking: new Set(lacking), ...defined({ node: instance.node }) };
}

/** Until it has said who it is, it may be the one that the table means. */
function memberOf(
  { id, state, session }: InstanceObservation,
  inForce: CopiedTable | undefined,
): Member | undefined {
  if (state === 'dead' || session === undefined) return undefined;
  return session.member ?? inForce?.members.find((member) => member.id === id);
}

/** Who is to get its first slot has to be there for users, and to know the table. */
function newState({ id, state, session }: InstanceObservation, view: ServiceView): 'member' | undefined {
  const { inForce, routed } = view;
  const knowsTable = inForce === undefined || (session?.answer?.epoch ?? 0) > 0;
  const isReady = state === 'ready' && session?.isSilent === false;
  return isReady && routed.has(id) && knowsTable ? 'member' : undefined;
}

function namedState({ state, session }: InstanceObservation): Participant['state'] {
  if (session?.isSilent === true) return 'silent';
  return state === 'leaving' || state === 'stopping' ? 'leaving' : 'member';
}
