/** Kubernetes Events about an App: what `kubectl describe` shows, and nothing depends on. */
import { randomBytes } from 'node:crypto';
import type { KubeClient } from './api/kube-client.ts';
import type { Manifest } from './objects/manifest.ts';
import type { AppObject } from './observe/kinds.ts';

export interface AppEvent {
  /** One word in upper camel case. */
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly type: 'Normal' | 'Warning';
}

/** Longest note that the API server takes, in bytes. */
const LONGEST = 1_000;

/** @param controller the name of the process that reports. @throws when it can't be written */
export async function writeEvent(
  client: KubeClient,
  { apiVersion, kind, metadata }: AppObject,
  { reason, action, note, type }: AppEvent,
  controller: string,
): Promise<void> {
  const { name, namespace = '', uid = '' } = metadata;
  const event: Manifest = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
    eventTime: new Date().toISOString().replace('Z', '000Z'),
    reportingController: 'holdfast.dev/controller',
    reportingInstance: controller,
    regarding: { apiVersion, kind, name, namespace, uid },
    reason,
    action,
    note: note.slice(0, LONGEST),
    type,
  };
  await client.create(event);
}
