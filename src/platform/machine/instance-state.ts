import { defined } from '../../app/defined.ts';
import type { InstanceObservation, InstanceState } from '../observation.ts';
import type { HealthReport } from './health-watch.ts';
import type { ProcessRecord } from './process-record.ts';

/** Deaths in a row after which an instance is called failed: once may be chance. */
const FAILED_AFTER = 2;

/** What is known of an instance from its record and its health. Pure. */
export function observeInstance(
  record: ProcessRecord,
  health: HealthReport | undefined,
): InstanceObservation {
  const { state, since } = stateOf(record, health);
  return {
    id: record.id,
    service: record.service ?? '',
    ordinal: record.ordinal ?? 0,
    incarnation: record.mark.slice(record.mark.lastIndexOf('/') + 1),
    template: record.template ?? '',
    state,
    since,
    startedAt: record.startedAt,
    host: record.host,
    port: record.port,
    failures: record.failures,
    hung: health?.hung === true && record.readyAt !== undefined,
    signalled: record.signalledAt !== undefined,
    failed: record.failed === true || record.failures >= FAILED_AFTER,
    ...defined({ leaveBy: record.leaveBy, problem: problemOf(state, record, health) }),
    ...(state === 'dead' ? {} : defined({ pid: record.identity?.pid })),
  };
}

function problemOf(
  state: InstanceState,
  record: ProcessRecord,
  health: HealthReport | undefined,
): string | undefined {
  if (state === 'ready') return undefined;
  if (state === 'dead') return record.exit;
  if (state === 'stopping') return record.stopReason;
  const before = record.lastExit === undefined ? undefined : `started again after: ${record.lastExit}`;
  return health?.problem ?? before;
}

function stateOf(
  record: ProcessRecord,
  health: HealthReport | undefined,
): { state: InstanceState; since: number } {
  if (record.exitedAt !== undefined) return { state: 'dead', since: record.exitedAt };
  if (record.stoppingSince !== undefined)
    return { state: 'stopping', since: record.signalledAt ?? record.stoppingSince };
  if (record.leavingSince !== undefined) return { state: 'leaving', since: record.leavingSince };
  if (health?.ready === true) return { state: 'ready', since: health.since };
  if (record.readyAt === undefined) return { state: 'starting', since: record.startedAt };
  return { state: 'unready', since: health?.since ?? record.readyAt };
}
