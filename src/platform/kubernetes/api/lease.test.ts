import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, heldLease, LEASE_TIMES, releasedLease, seen, type Lease, type LeaseClaim } from './lease.ts';

const claim: LeaseClaim = { namespace: 'holdfast', name: 'controller', identity: 'me', times: LEASE_TIMES };

function leaseOf(holder: string, version = '1'): Lease {
  const held = heldLease(undefined, { ...claim, identity: holder }, 0);
  return { ...held, metadata: { ...held.metadata, resourceVersion: version } };
}

test('a lease that does not exist is created', () => {
  assert.deepEqual(decide({ lease: undefined, since: 0 }, 'me', 0), { do: 'create' });
});

test('a lease of ours is renewed, however old it is', () => {
  assert.deepEqual(decide({ lease: leaseOf('me'), since: 0 }, 'me', 1_000_000), { do: 'renew' });
});

test("somebody else's lease is left alone until it was seen unchanged for its whole duration", () => {
  const lease = leaseOf('other');
  assert.deepEqual(decide({ lease, since: 1_000 }, 'me', 15_999), { do: 'wait', holder: 'other' });
  assert.deepEqual(decide({ lease, since: 1_000 }, 'me', 16_000), { do: 'take' });
});

test('a lease that was given up is taken at once', () => {
  const lease = releasedLease(leaseOf('other'), 0);
  assert.deepEqual(decide({ lease, since: 0 }, 'me', 0), { do: 'take' });
});

test('a renewal that is seen starts the waiting anew, whatever times the lease itself names', () => {
  const first = seen(undefined, leaseOf('other', '1'), 0);
  const same = seen(first, leaseOf('other', '1'), 9_000);
  assert.equal(same.since, 0);
  const renewed = seen(same, leaseOf('other', '2'), 14_000);
  assert.equal(renewed.since, 14_000);
  assert.equal(decide(renewed, 'me', 16_000).do, 'wait');
});

test('a lease that went and came back is a new one', () => {
  const gone = seen(seen(undefined, leaseOf('other'), 0), undefined, 5_000);
  assert.equal(seen(gone, leaseOf('other'), 6_000).since, 6_000);
});

test('taking counts a change of leader, renewing does not', () => {
  const taken = heldLease(leaseOf('other'), claim, Date.UTC(2026, 0, 2));
  assert.equal(taken.spec?.leaseTransitions, 1);
  assert.equal(taken.spec?.acquireTime, '2026-01-02T00:00:00.000000Z');
  const renewed = heldLease(taken, claim, Date.UTC(2026, 0, 3));
  assert.equal(renewed.spec?.leaseTransitions, 1);
  assert.equal(renewed.spec?.acquireTime, '2026-01-02T00:00:00.000000Z');
  assert.equal(renewed.spec?.renewTime, '2026-01-03T00:00:00.000000Z');
});

test('a lease is written under the version that was seen', () => {
  assert.equal(heldLease(leaseOf('other', '7'), claim, 0).metadata.resourceVersion, '7');
});
