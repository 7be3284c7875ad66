/** Writes an App's status, if it differs from the one that is there. */
import type { KubeClient } from './api/kube-client.ts';
import { digest } from './objects/manifest.ts';
import { defined } from '../../app/defined.ts';
import { valueAt } from '../../app/raw-value.ts';
import { differenceOf } from './observe/difference.ts';
import type { AppObject, Condition } from './observe/kinds.ts';

/** A condition without the time of its last change, which is kept from the one before. */
export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

export interface NewStatus {
  readonly conditions: readonly NewCondition[];
  /** Everything else, as `status` shows it. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** @returns whether it was written. @throws a conflict when the App has changed since it was read */
export async function reportStatus(
  client: KubeClient,
  app: AppObject,
  { conditions, detail }: NewStatus,
  now: number,
): Promise<boolean> {
  const before = (app.status?.['conditions'] ?? []) as readonly Condition[];
  const status = {
    ...detail,
    services: withEpochs(detail['services'], app.status?.['services']),
    observedGeneration: app.metadata.generation ?? 0,
    conditions: conditions.map((condition) => dated(condition, before, now)),
  };
  if (isSame(status, app.status)) return false;
  await client.replaceStatus({ ...app, status });
  return true;
}

/** The last epoch of an owner table stays told while the table is lost: the next one goes on from there. */
function withEpochs(services: unknown, before: unknown): readonly object[] {
  const told = listOf(before);
  if (services === undefined) return told;
  return listOf(services).map((service) => {
    const epoch = told.find(({ name }) => name === service.name)?.epoch;
    return epoch === undefined ? service : { epoch, ...service };
  });
}

function listOf(services: unknown): readonly { readonly name?: unknown; readonly epoch?: unknown }[] {
  return Array.isArray(services) ? services : [];
}

function dated(condition: NewCondition, before: readonly Condition[], now: number): Condition {
  const last = before.find(({ type }) => type === condition.type);
  const isSameState = last?.status === condition.status && last.lastTransitionTime !== undefined;
  const lastTransitionTime = isSameState
    ? (last.lastTransitionTime ?? '')
    : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  return { ...condition, lastTransitionTime };
}

/** Equal both ways: a condition or an instance that is gone is a difference too. */
function isSame(next: object, before: object | undefined): boolean {
  const [status, live] = [withoutCounts(next, before), withoutCounts(before, before)];
  if (digest(status) === digest(live ?? {})) return true;
  return differenceOf(status, live) === undefined && differenceOf(live, status) === undefined;
}

interface Counted {
  readonly name?: unknown;
  readonly copies?: object;
  readonly instances?: readonly CountedInstance[];
}

interface CountedInstance {
  readonly id?: unknown;
  readonly sessions?: number;
}

/** What changes with every write of a user is told along with something else: each write would lead to another. */
function withoutCounts(status: object | undefined, told: object | undefined): object | undefined {
  const services = countedIn(status);
  if (services.length === 0) return status;
  const instances = countedIn(told).flatMap((service) => service.instances ?? []);
  return { ...status, services: services.map((service) => roughly(service, instances)) };
}

function countedIn(status: object | undefined): readonly Counted[] {
  const services = valueAt(status, 'services');
  return Array.isArray(services) ? (services as readonly Counted[]) : [];
}

function roughly(service: Counted, told: readonly CountedInstance[]): object {
  const { copies, instances } = service;
  return {
    ...service,
    ...defined({
      copies: copies && { ...copies, pending: 0 },
      instances: instances?.map((instance) => withToldSessions(instance, told)),
    }),
  };
}

/** Up to a fifth more or less than what was told is no news. */
function withToldSessions(instance: CountedInstance, told: readonly CountedInstance[]): CountedInstance {
  const { id, sessions } = instance;
  const before = told.find((one) => one.id === id)?.sessions;
  if (sessions === undefined || before === undefined) return instance;
  return Math.abs(sessions - before) > before / 5 ? instance : { ...instance, sessions: before };
}
