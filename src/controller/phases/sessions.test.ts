import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApp } from '../../app/parse.ts';
import type { InstanceObservation, InstanceState, Observation } from '../../platform/observation.ts';
import type { SessionStep } from '../../platform/step.ts';
import { isCopied, type CopiedTable } from '../../routing/hand-over/copied-table.ts';
import { afterHandOver, SLOTS_AT_A_TIME } from '../../routing/hand-over/next-change.ts';
import { SLOTS, slotCounts } from '../../routing/owner-table.ts';
import type { Member } from '../../session/told-table.ts';
import type { PhaseInput } from '../phase.ts';
import { planServices } from './services.ts';
import { planSessions } from './sessions.ts';

const app = parseApp(
  'name: shop\nservices: { login: { run: x, stateful: { key: { header: x-user }, handoff: true } } }',
  'holdfast.yaml',
);
const [login] = app.services;
assert.ok(login !== undefined);

/** A place where every step works at once. */
class Place {
  readonly instances = new Map<string, InstanceObservation>();
  table: CopiedTable | undefined;
  routerEpoch = 0;
  isBusy = false;
  isRouterThere = true;
  missing: Member[] = [];

  set(ordinal: number, state: InstanceState, life = 1, answers = true): void {
    const id = `login-${ordinal}`;
    const incarnation = `${id}/${life}`;
    const [url, http] = [`http://${id}:1`, `http://${id}:2`];
    const answer = {
      instance: id,
      incarnation,
      epoch: this.instances.get(id)?.session?.answer?.epoch ?? 0,
      frozenFor: 0,
      lacking: [],
      incomplete: 0,
      alone: 0,
      sessions: 7,
      pending: 0,
      unreadable: 0,
    };
    const session = answers
      ? { isSilent: false, answer, member: { id, incarnation, url, http } }
      : { isSilent: false };
    const about = { id, service: 'login', ordinal, incarnation, template: 't', state, session };
    const times = { since: 0, startedAt: 0, failures: 0, hung: false, signalled: false, failed: false };
    this.instances.set(id, { ...about, ...times, host: id, port: 2, leaveBy: 1_000 });
  }

  input(): PhaseInput {
    const servers = [...this.instances.values()].map(({ id, host, port }) => {
      return { name: id, host, port, up: true, draining: false, requests: 0, pins: 0 };
    });
    const observed: Observation = {
      now: 10,
      database: { state: 'none' },
      migrations: { state: 'none', applied: 0, pending: 0 },
      instances: [...this.instances.values()],
      router: this.isRouterThere
        ? { state: 'ready', since: 0, backends: { login: { epoch: this.routerEpoch, servers } } }
        : { state: 'absent', since: 0, backends: {} },
      handOvers: {
        login: { isBusy: this.isBusy, isPublishing: false, postponed: [], missing: this.missing },
      },
    };
    const prepared = { app, templates: { login: 't' }, structure: 's' };
    const desired = { wanted: prepared, inForce: prepared, scale: { login: 2 } };
    return { desired, observed, tables: this.table === undefined ? {} : { login: this.table } };
  }

  steps(): SessionStep[] {
    return login === undefined ? [] : planSessions(login, this.input(), SLOTS_AT_A_TIME.cluster);
  }

  apply(step: SessionStep): void {
    if (step.kind === 'tell-table') return this.#tell(step.id);
    if (step.kind === 'publish-table') {
      assert.ok(isCopied(step.table));
      this.table = step.table;
    } else if (this.table !== undefined) this.table = afterHandOver(this.table, step, step.slots);
    this.routerEpoch = this.table?.epoch ?? 0;
    for (const id of this.instances.keys()) this.#tell(id);
  }

  settle(): SessionStep[] {
    const taken: SessionStep[] = [];
    for (let steps = this.steps(); steps.length > 0; steps = this.steps()) {
      for (const step of steps) this.apply(step);
      taken.push(...steps);
      assert.ok(taken.length < 200, 'it does not come to an end');
    }
    return taken;
  }

  #tell(id: string): void {
    const instance = this.instances.get(id);
    const { session } = instance ?? {};
    if (instance === undefined || session?.answer === undefined) return;
    const answer = { ...session.answer, epoch: this.table?.epoch ?? 0 };
    this.instances.set(id, { ...instance, session: { ...session, answer } });
  }
}

function settled(): Place {
  const place = new Place();
  place.set(1, 'ready');
  place.set(2, 'ready');
  place.settle();
  return place;
}

test('the first table is for those who are ready, and says so to everybody', () => {
  const place = new Place();
  place.set(1, 'ready');
  place.set(2, 'starting');
  assert.deepEqual(
    place.settle().map(({ kind }) => kind),
    ['publish-table'],
  );
  assert.deepEqual(place.table?.owners, ['login-1']);
});

test('a new instance is told the table before it gets a slot', () => {
  const place = settled();
  place.set(3, 'ready');
  assert.deepEqual(
    place.steps().map(({ kind }) => kind),
    ['tell-table'],
  );
  const kinds = place.settle().map(({ kind }) => kind);
  assert.ok(kinds.includes('hand-over') && !kinds.includes('publish-table'), kinds.join());
  assert.deepEqual(place.table?.owners, ['login-1', 'login-2', 'login-3']);
  assert.ok(slotCounts(place.table).every((count) => count === 21_845 || count === 21_846));
});

test('one that died is started again when the table is without it, or that takes too long', () => {
  const starts = ({ observed, ...rest }: PhaseInput, over: Partial<Observation> = {}): boolean =>
    planServices({ observed: { ...observed, ...over }, ...rest }).steps.some(
      ({ kind }) => kind === 'start-instance',
    );
  const place = settled();
  place.set(2, 'dead');
  assert.equal(starts(place.input()), false);
  assert.equal(starts(place.input(), { now: 500 }), true);
  for (const step of place.steps()) place.apply(step);
  assert.equal(starts(place.input()), true);
  const telling = { login: { isBusy: false, isPublishing: true, postponed: [] } };
  assert.equal(starts(place.input(), { handOvers: telling }), false);
  place.set(1, 'dead');
  assert.equal(starts(place.input()), true, 'nobody serves anybody');
});

test('a leaving instance is not ended before the table names it nowhere', () => {
  const place = settled();
  place.set(3, 'ready');
  place.settle();
  place.set(3, 'leaving');
  const isEnded = (): boolean =>
    planServices(place.input()).steps.some(({ kind }) => kind === 'stop-instance');
  assert.equal(isEnded(), false);
  for (let steps = place.steps(); steps.length > 0; steps = place.steps()) {
    assert.equal(isEnded(), false);
    for (const step of steps) place.apply(step);
  }
  assert.equal(isEnded(), true);
});

test('whoever has ended is replaced also while slots move and no router runs', () => {
  const place = settled();
  place.set(1, 'dead');
  place.isBusy = true;
  place.isRouterThere = false;
  const [step, ...others] = place.steps();
  assert.deepEqual(others, []);
  assert.ok(step?.kind === 'publish-table' && isCopied(step.table));
  assert.deepEqual(step.table.gone, ['login-1/1']);
  assert.deepEqual(step.table.owners, ['login-2']);
});

test('an instance that has not said who it is yet is the one that the table means', () => {
  const place = settled();
  place.set(1, 'ready', 1, false);
  assert.deepEqual(place.steps(), []);
  place.set(1, 'ready', 2);
  const [step] = place.steps();
  assert.ok(step?.kind === 'publish-table' && isCopied(step.table));
  assert.deepEqual(step.table.gone, ['login-1/1']);
});

test('a router that works by another table is told the one in force', () => {
  const place = settled();
  place.routerEpoch = 0;
  const [step] = place.steps();
  assert.ok(step?.kind === 'publish-table');
  assert.equal(step.table, place.table);
});

test('whoever is missing is replaced by the second owner, and not taken for ended', () => {
  const place = settled();
  const member = place.instances.get('login-1')?.session?.member;
  assert.ok(member !== undefined);
  place.missing = [member];
  place.instances.delete('login-1');
  const [step] = place.steps();
  assert.ok(step?.kind === 'publish-table' && isCopied(step.table));
  assert.deepEqual(step.table.owners, ['login-1', 'login-2']);
  assert.deepEqual(slotCounts(step.table), [0, SLOTS], 'it may still have copies');
  assert.deepEqual(step.table.gone, []);
  place.missing = [];
  const [later] = place.steps();
  assert.ok(later?.kind === 'publish-table' && isCopied(later.table));
  assert.deepEqual(later.table.gone, [member.incarnation]);
});
