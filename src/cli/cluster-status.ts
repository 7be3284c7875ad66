/** What an App says of itself becomes the status that the verbs show, the same as on a machine. Pure. */
import { defined } from '../app/defined.ts';
import type { InstanceStatus, ServiceStatus, Status } from '../controller/status.ts';
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { appCondition, readinessOf, type Readiness } from '../platform/kubernetes/verbs/readiness.ts';
import type { ShownStatus } from './shown-status.ts';

/** What was asked for by hand, and by what it can be seen that the controller knows of it. */
export interface Asked {
  /** How many instances there are to be, by service. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Instances that are to be replaced, by service. */
  readonly replaced?: Readonly<Record<string, readonly string[]>>;
  /** Migrations are to be tried again; since when the App has stood still. */
  readonly heldSince?: string;
}

export function statusOfApp(object: AppObject): ShownStatus {
  const readiness = readinessOf(object);
  const { problem, ...state } = stateOf(readiness, reported(object));
  const known = { ...NOTHING, name: object.metadata.name, ...reported(object) };
  const waits = { part: 'application', reason: unseenReason(object) };
  const waiting = readiness.state === 'unseen' ? [waits, ...known.waiting] : known.waiting;
  return { ...known, services: known.services.map(completed), waiting, ...state, ...defined({ problem }) };
}

const NOTHING: Omit<Status, 'name'> = {
  url: null,
  state: 'changing',
  services: [],
  database: { topology: 'none', state: 'unknown' },
  migrations: { state: 'none', applied: 0, pending: 0 },
  router: { state: 'unknown' },
  waiting: [],
};

/** The API server keeps what the definition of App names, and nothing more. */
function reported({ status }: AppObject): Partial<Status> {
  const { observedGeneration: _, conditions: _conditions, ...detail } = status ?? {};
  return detail;
}

function completed(service: ServiceStatus): ServiceStatus {
  const instances = service.instances as readonly (Omit<InstanceStatus, 'pid'> & { pid?: number })[];
  return { ...service, instances: instances.map((instance) => ({ pid: null, ...instance })) };
}

function stateOf(
  { state, message }: Readiness,
  { state: known = 'changing' }: Partial<Status>,
): Pick<ShownStatus, 'state'> & { problem?: string } {
  if (state === 'ready') return { state: 'ready' };
  if (state === 'stalled') return { state: 'failing', problem: message };
  return { state: known === 'failing' && state === 'waiting' ? 'failing' : 'changing' };
}

function unseenReason({ status }: AppObject): string {
  return Number(status?.['observedGeneration'] ?? 0) === 0
    ? 'no controller has looked at it yet (is it installed? holdfast doctor says so)'
    : 'the controller has not looked at the latest change yet';
}

/** What was asked for is on its way until the status shows that the controller has heard of it. */
export function withAsked(status: ShownStatus, object: AppObject, asked: Asked): ShownStatus {
  const services = status.services.filter((service) => isUnheard(service, asked)).map(({ name }) => name);
  const waits = services.map((part) => ({ part, reason: 'is asked of the controller' }));
  if (isUnheardMigration(status, object, asked)) return retried(status);
  if (waits.length === 0) return status;
  return { ...status, state: 'changing', waiting: [...status.waiting, ...waits] };
}

function isUnheard({ name, wanted, instances }: ServiceStatus, { counts, replaced }: Asked): boolean {
  const count = counts?.[name];
  if (count !== undefined && count !== wanted) return true;
  const old = replaced?.[name] ?? [];
  return instances.some(({ id, state }) => old.includes(id) && state !== 'leaving' && state !== 'dead');
}

function isUnheardMigration({ migrations }: Status, object: AppObject, { heldSince }: Asked): boolean {
  const since = appCondition(object, 'Stalled')?.lastTransitionTime;
  return heldSince !== undefined && migrations.state === 'held' && since === heldSince;
}

function retried(status: ShownStatus): ShownStatus {
  const { problem: _, ...rest } = status;
  const { problem: _failure, ...migrations } = status.migrations;
  const waits = { part: 'migrations', reason: 'are tried again' };
  const waiting = [...status.waiting.filter(({ part }) => part !== 'migrations'), waits];
  return { ...rest, state: 'changing', migrations: { ...migrations, state: 'unknown' }, waiting };
}
