import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';
import { lead, type WhileLeading } from '../../src/platform/kubernetes/api/leader-election.ts';
import type { LeaseTimes } from '../../src/platform/kubernetes/api/lease.ts';
import { eventually } from '../support/haproxy.ts';
import { fakeApi, type FakeApi } from './fake-api.ts';
import { FakeLeases } from './fake-leases.ts';

/** A machine that is busy holds this process up for longer than a moment: nobody is to lose a lease by that. */
const times: LeaseTimes = { duration: 4_000, renewDeadline: 2_500, retry: 20 };

interface Candidate {
  readonly terms: { readonly signal: AbortSignal; readonly stillLeading: () => boolean }[];
  readonly errors: unknown[];
  readonly ended: Promise<void>;
  leads(): boolean;
  stop(): Promise<void>;
}

async function election(t: TestContext): Promise<{ leases: FakeLeases; api: FakeApi }> {
  const leases = new FakeLeases();
  const api = await fakeApi(t, (asked, response) => leases.answer(asked, response));
  return { leases, api };
}

/** Leads until it is told to stop, unless it is given something else to do. */
function candidate(
  t: TestContext,
  api: FakeApi,
  identity: string,
  work: WhileLeading = untilStopped,
): Candidate {
  const client = new KubeClient(api.connection, { userAgent: identity, manager: 'holdfast' });
  const stop = new AbortController();
  const terms: Candidate['terms'] = [];
  const errors: unknown[] = [];
  const options = {
    namespace: 'holdfast',
    name: 'controller',
    identity,
    times,
    random: () => 0,
    onError: (error: unknown) => errors.push(error),
  };
  const ended = lead(
    client,
    options,
    (signal, stillLeading) => {
      terms.push({ signal, stillLeading });
      return work(signal, stillLeading);
    },
    stop.signal,
  );
  ended.catch(() => undefined); // tests that expect a failure wait for it themselves
  const end = async (): Promise<void> => {
    stop.abort(new Error('stopped by the test'));
    await ended;
  };
  t.after(async () => {
    stop.abort();
    await ended.catch(() => undefined);
    client.close();
  });
  const leads = (): boolean => terms.at(-1)?.stillLeading() ?? false;
  return { terms, errors, ended, leads, stop: end };
}

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

test('one of several leads, and keeps leading by renewing', async (t) => {
  const { leases, api } = await election(t);
  const all = ['a', 'b', 'c'].map((identity) => candidate(t, api, identity));
  await eventually('ten renewals', () => leases.writes > 10);
  assert.equal(all.filter((one) => one.leads()).length, 1);
  assert.equal(all.flatMap(({ terms }) => terms).length, 1);
  assert.equal(leases.lease?.spec?.leaseTransitions, 0);
});

test('a leader that ends gives the lease up, and the next one leads without waiting for its end', async (t) => {
  const { leases, api } = await election(t);
  const first = candidate(t, api, 'a');
  await eventually('a leads', () => first.leads());
  const second = candidate(t, api, 'b');
  await eventually('b has asked', () => api.asked.some(({ headers }) => headers['user-agent'] === 'b'));
  await first.stop();
  assert.equal(leases.lease?.spec?.leaseDurationSeconds, 1);
  await eventually('b leads', () => second.leads());
  assert.equal(leases.lease.spec.leaseTransitions, 1);
});

test('a leader that cannot renew has stopped before another begins, and leads again when it can', async (t) => {
  const { leases, api } = await election(t);
  const first = candidate(t, api, 'a');
  await eventually('a leads', () => first.leads());
  const overlaps: boolean[] = [];
  const second = candidate(t, api, 'b', (signal) => {
    overlaps.push(first.leads());
    return untilStopped(signal);
  });
  leases.fate = (identity) => (identity === 'a' ? 'lost' : 'answered');
  await eventually('b leads', () => second.leads());
  assert.deepEqual(overlaps, [false]);
  assert.ok(first.terms[0]?.signal.aborted);
  assert.ok(first.errors.length > 0);
  leases.fate = () => 'answered';
  await second.stop();
  await eventually('a leads again', () => first.leads());
  assert.equal(first.terms.length, 2);
});

test('a process that was frozen knows at once that its time is over, before any timer has run', async (t) => {
  const { api } = await election(t);
  const one = candidate(t, api, 'a');
  await eventually('a leads', () => one.leads());
  const [term] = one.terms;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, times.renewDeadline + 10);
  assert.equal(term?.stillLeading(), false);
  assert.ok(term.signal.aborted);
  await eventually('it leads anew', () => one.leads());
  assert.equal(term.stillLeading(), false);
});

test('a renewal that was done but whose answer was lost does not end the term', async (t) => {
  const { leases, api } = await election(t);
  const one = candidate(t, api, 'a');
  await eventually('a leads', () => one.leads());
  let lost = 0;
  leases.fate = (_, { method }) => (method === 'PUT' && lost++ < 3 ? 'answer-lost' : 'answered');
  const before = leases.writes;
  await eventually('renewals go on', () => lost > 3 && leases.writes > before + 6);
  assert.equal(one.terms.length, 1);
  assert.ok(one.leads());
});

test('a lease that somebody else holds ends the term at once', async (t) => {
  const { leases, api } = await election(t);
  const one = candidate(t, api, 'a');
  await eventually('a leads', () => one.leads());
  const { lease } = leases;
  assert.ok(lease);
  leases.lease = {
    ...lease,
    metadata: { ...lease.metadata, resourceVersion: 'by hand' },
    spec: { ...lease.spec, holderIdentity: 'other' },
  };
  await eventually('a does not lead', () => !one.leads());
  assert.equal(leases.lease.spec?.holderIdentity, 'other');
});

test('a lease that was deleted is made again, and the term goes on', async (t) => {
  const { leases, api } = await election(t);
  const one = candidate(t, api, 'a');
  await eventually('a leads', () => one.leads());
  leases.lease = undefined;
  await eventually('the lease is there', () => leases.lease !== undefined);
  assert.ok(one.leads());
  assert.equal(one.terms.length, 1);
});

test('while the work winds up, the lease is kept', async (t) => {
  const { leases, api } = await election(t);
  const windingUp = Promise.withResolvers<void>();
  const first = candidate(t, api, 'a', () => windingUp.promise);
  await eventually('a leads', () => first.terms.length === 1);
  const second = candidate(t, api, 'b');
  const stopped = first.stop();
  assert.ok(first.terms[0]?.signal.aborted);
  const before = leases.writes;
  await eventually('it is renewed', () => leases.writes > before + 3);
  assert.equal(second.terms.length, 0);
  windingUp.resolve();
  await stopped;
  await eventually('b leads', () => second.leads());
});

test('work that ends by itself ends it, and work that fails fails it; the lease is given up', async (t) => {
  const { leases, api } = await election(t);
  await candidate(t, api, 'a', () => Promise.resolve()).ended;
  assert.equal(leases.lease?.spec?.holderIdentity, '');
  const broken = candidate(t, api, 'b', () => Promise.reject(new Error('a bug')));
  await assert.rejects(broken.ended, /a bug/);
  assert.equal(leases.lease.spec.holderIdentity, '');
});

test('who never led ends without a trace', async (t) => {
  const { leases, api } = await election(t);
  leases.fate = () => 'lost';
  const one = candidate(t, api, 'a');
  await eventually('it has tried', () => one.errors.length > 1);
  await one.stop();
  assert.equal(leases.lease, undefined);
});
