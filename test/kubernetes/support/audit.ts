/** What pods asked of the API server: its audit log on a test cluster of our own, which has every request of theirs. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestCluster } from './cluster.ts';

export interface AuditedRequest {
  /** When it was answered; ms since the epoch. */
  readonly at: number;
  /** `system:serviceaccount:NAMESPACE:NAME` */
  readonly user: string;
  readonly pod: string | undefined;
  readonly verb: string;
  /** Empty for the core. */
  readonly group: string;
  /** With its subresource after a slash, as in a role. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly code: number;
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export function isWrite({ verb }: AuditedRequest): boolean {
  return WRITES.has(verb);
}

/** All requests so far, in the order of their answers; one that has no end, such as a watch, from its beginning. */
export async function auditLog({ kubeconfig }: TestCluster): Promise<AuditedRequest[]> {
  const text = await readFile(join(dirname(kubeconfig), 'log', 'audit.log'), 'utf8');
  // The last line may be on its way.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((line) => (line === '' ? [] : [requestOf(JSON.parse(line) as AuditEvent)]));
}

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event */
interface AuditEvent {
  readonly stageTimestamp: string;
  readonly verb: string;
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

function requestOf({
  stageTimestamp,
  verb,
  user,
  objectRef = {},
  responseStatus,
}: AuditEvent): AuditedRequest {
  const { apiGroup = '', resource = '', subresource, namespace, name } = objectRef;
  return {
    at: Date.parse(stageTimestamp),
    user: user.username,
    pod: user.extra?.['authentication.kubernetes.io/pod-name']?.[0],
    verb,
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    code: responseStatus?.code ?? 0,
  };
}
