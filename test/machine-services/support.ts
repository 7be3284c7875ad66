/** What the tests of the services' faults share: files of small applications, and waiting for a status. */
import { setTimeout as delay } from 'node:timers/promises';
import { controlClient } from '../../src/cli/control-client.ts';
import type { InstanceStatus, ServiceStatus, Status } from '../../src/controller/status.ts';
import { controlSocket } from '../../src/platform/machine/state-folder.ts';
import type { AppFolder } from '../support/app-folder.ts';

/** Without a new owner table: a change of owners is dozens of them, one after the other, each of which is a step. */
const STEP_TIMEOUT_MS = 30_000;
/** However many tables there are. */
const STATUS_TIMEOUT_MS = 180_000;
const LOOK_INTERVAL_MS = 25;

/** The first status of a running application that is as it should be. @throws with the last one when nothing moves */
export async function statusWhen(
  app: AppFolder,
  what: string,
  isSo: (status: Status) => boolean,
): Promise<Status> {
  const client = controlClient(controlSocket(app.state));
  const giveUp = AbortSignal.timeout(STATUS_TIMEOUT_MS);
  let tables = '';
  let stuck = AbortSignal.timeout(STEP_TIMEOUT_MS);
  for (;;) {
    const status = (await client.get('/status')) as Status | null;
    if (status !== null && isSo(status)) return status;
    const now = String(status?.services.map(({ epoch }) => epoch));
    if (now !== tables) stuck = AbortSignal.timeout(STEP_TIMEOUT_MS);
    tables = now;
    if (stuck.aborted || giveUp.aborted)
      throw new Error(`not so, after tables ${tables}: ${what}: ${JSON.stringify(status)}`);
    await delay(LOOK_INTERVAL_MS);
  }
}

/** @throws when the application has no such service */
export function serviceOf(status: Status, name: string): ServiceStatus {
  const service = status.services.find((candidate) => candidate.name === name);
  if (service === undefined) throw new Error(`no service ${name} in ${JSON.stringify(status)}`);
  return service;
}

/** @throws when the application has no such instance */
export function instanceOf(status: Status, id: string): InstanceStatus {
  const instance = status.services.flatMap((s) => s.instances).find((candidate) => candidate.id === id);
  if (instance === undefined) throw new Error(`no instance ${id} in ${JSON.stringify(status)}`);
  return instance;
}

/** Changes of `after` against `before`; none when every process is the same. */
export function pidChanges(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  const ids = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...ids].filter((id) => before[id] !== after[id]);
}
