/**
 * What a candidate does with the lease it sees (coordination.k8s.io/v1). Clocks of two machines are never
 * compared: a lease has run out when *we* have seen it unchanged for its whole duration, by our own clock.
 */
import type { KubeObject } from './kube-object.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with exactly six digits after the point. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** All in ms: `duration` > `renewDeadline` > `retry`. */
export interface LeaseTimes {
  /** Others wait this long after the last renewal that they saw. */
  readonly duration: number;
  /** A leader stops this long after it began its last renewal that worked. */
  readonly renewDeadline: number;
  /** Between attempts. */
  readonly retry: number;
}

export const LEASE_TIMES: LeaseTimes = { duration: 15_000, renewDeadline: 10_000, retry: 2_000 };

/** The lease as last read, and since when (ms of a monotonic clock) it has been seen in this version. */
export interface SeenLease {
  readonly lease: Lease | undefined;
  readonly since: number;
}

export type LeaseDecision =
  { readonly do: 'create' | 'renew' | 'take' } | { readonly do: 'wait'; readonly holder: string };

/** `now` is of the same clock as `since`. */
export function decide({ lease, since }: SeenLease, identity: string, now: number): LeaseDecision {
  if (lease === undefined) return { do: 'create' };
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder === identity) return { do: 'renew' };
  const duration = (lease.spec?.leaseDurationSeconds ?? 0) * 1_000;
  if (holder === '' || now - since >= duration) return { do: 'take' };
  return { do: 'wait', holder };
}

/** Remembers since when the version has been the same. */
export function seen(before: SeenLease | undefined, lease: Lease | undefined, now: number): SeenLease {
  const version = lease?.metadata.resourceVersion;
  const isSame = before !== undefined && before.lease?.metadata.resourceVersion === version;
  return { lease, since: isSame ? before.since : now };
}

export interface LeaseClaim {
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly times: LeaseTimes;
}

/** The lease held by us. `at` (ms since the epoch) is for those who read it; nobody decides by it. */
export function heldLease(before: Lease | undefined, claim: LeaseClaim, at: number): Lease {
  const { namespace, name, identity, times } = claim;
  const { holderIdentity, acquireTime, leaseTransitions = 0, ...rest } = before?.spec ?? {};
  const now = microTime(at);
  const isOurs = holderIdentity === identity;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: before?.metadata ?? { namespace, name },
    spec: {
      ...rest,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(times.duration / 1_000),
      acquireTime: isOurs && acquireTime !== undefined ? acquireTime : now,
      renewTime: now,
      leaseTransitions: isOurs || before === undefined ? leaseTransitions : leaseTransitions + 1,
    },
  };
}

/** The lease given up: the next candidate takes it at once. */
export function releasedLease(held: Lease, at: number): Lease {
  const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(at) };
  return { ...held, spec };
}

/** Kubernetes' MicroTime, which wants six digits. */
function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}
