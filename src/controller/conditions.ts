/**
 * What an application's status comes to in the terms of kstatus (sigs.k8s.io/cli-utils/pkg/kstatus), by
 * which Helm, Argo CD and `kubectl wait` know whether something is there. Each has a sentence that says
 * what is the case and, where somebody has to act, what to do. Pure.
 */
import type { RoundResult } from './reconcile.ts';
import { sideConditions } from './side-conditions.ts';
import type { Status } from './status.ts';

export interface StatusCondition {
  readonly type:
    | 'Ready'
    | 'Reconciling'
    | 'Stalled'
    | 'RolledBack'
    | 'VolumeAsWanted'
    | 'ScaledByLoad'
    | 'SchemaContracted';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** Longest message; the API server keeps up to 32 KiB. */
const LONGEST = 4_000;

/** Of a round with or without a status. @param paused the controller leaves everything as it is */
export function conditionsOf(result: RoundResult, paused: boolean): StatusCondition[] {
  const { status, refused } = result;
  const stalled = stalledBy(result);
  const isReady = stalled === undefined && status?.state === 'ready';
  const waits = status === undefined ? 'waits for what it is to bring about' : waitingWords(status);
  return [
    condition(
      'Ready',
      isReady,
      isReady ? ['Ready', 'everything is as wanted'] : (stalled ?? unready(waits, paused)),
    ),
    reconciling(!paused && !isReady && stalled === undefined, waits, paused),
    condition('Stalled', stalled !== undefined, stalled ?? ['Progressing', 'nothing stands in the way']),
    ...(refused === undefined
      ? []
      : [condition('RolledBack', true, ['NotReadyInTime', rolledBack(refused)])]),
    ...sideConditions(result),
  ];
}

function reconciling(isSo: boolean, waits: string, paused: boolean): StatusCondition {
  if (isSo) return condition('Reconciling', true, ['Progressing', waits]);
  return condition('Reconciling', false, [
    'Settled',
    paused ? 'paused: nothing is changed' : 'nothing is under way',
  ]);
}

type Words = readonly [reason: string, message: string];

function condition(type: StatusCondition['type'], isSo: boolean, [reason, message]: Words): StatusCondition {
  return { type, status: isSo ? 'True' : 'False', reason, message: message.slice(0, LONGEST) };
}

function unready(waits: string, paused: boolean): Words {
  return paused ? ['Paused', `paused: nothing is changed. ${waits}`] : ['Progressing', waits];
}

/** Something that waiting will not mend. */
function stalledBy({ status, problem, lacksSecret, refused, stuck, denied }: RoundResult): Words | undefined {
  const remedy =
    lacksSecret === true ? 'Make the Secret with all that it needs, or change the spec' : 'Change the spec';
  if (problem !== undefined) return ['InvalidSpec', `${problem}\n${remedy}; what was in force goes on.`];
  if (refused !== undefined) return ['RolledBack', rolledBack(refused)];
  if (status?.migrations.state === 'held')
    return [
      'MigrationFailed',
      `${status.migrations.problem ?? 'a migration failed'}\n` +
        'New instances wait, running ones go on. Mend the migration and deploy it, or try again: holdfast migrate run',
    ];
  if (denied !== undefined)
    return ['Denied', `${denied}\nThe cluster does not take it, so it is left out; everything else goes on.`];
  if (stuck !== undefined)
    return ['NotReadyInTime', `${stuck}\nMend it and deploy it again; see: holdfast logs`];
  return undefined;
}

function rolledBack(reason: string): string {
  return `${reason}. What was ready before is in force again, until the spec changes.`;
}

function waitingWords({ waiting }: Status): string {
  if (waiting.length === 0) return 'is being brought to what is wanted';
  return waiting.map(({ part, reason }) => `${part}: ${reason}`).join('; ');
}
