import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeToldTable } from '../../session/told-table.ts';
import { NOBODY, SLOTS, slotCounts } from '../owner-table.ts';
import {
  assignmentOf,
  decodeStored,
  encodeStored,
  toldForm,
  type Assignment,
  type CopiedTable,
} from './copied-table.ts';
import { afterHandOver, nextChange, type Change, type Participant, type Situation } from './next-change.ts';

type States = ReadonlyMap<string, Participant>;

function participant(id: string, state: Participant['state'] = 'member'): Participant {
  const member = { id, incarnation: `${id}/1`, url: `http://${id}:1`, http: `http://${id}:2` };
  return { member, state, epoch: 1_000_000, lacking: new Set() };
}

function states(...all: readonly Participant[]): Map<string, Participant> {
  return new Map(all.map((one) => [one.member.incarnation, one]));
}

const members = (...ids: string[]): Map<string, Participant> => states(...ids.map((id) => participant(id)));

function situation(
  inForce: CopiedTable | undefined,
  participants: States,
  more: Partial<Situation> = {},
): Situation {
  return {
    service: 'login',
    inForce,
    participants,
    isBusy: false,
    isFrozen: false,
    postponed: new Set(),
    limit: 8_192,
    after: 0,
    ...more,
  };
}

function applied(change: Change, inForce: CopiedTable | undefined): CopiedTable {
  if (change.kind === 'publish') return change.table;
  assert.ok(inForce !== undefined);
  assert.equal(change.epoch, inForce.epoch + 1);
  return afterHandOver(inForce, change, change.slots);
}

/** Makes every change that is due, and checks each. */
function settle(
  inForce: CopiedTable | undefined,
  participants: States,
): { table: CopiedTable; changes: Change[] } {
  const changes: Change[] = [];
  let table = inForce;
  for (;;) {
    const change = nextChange(situation(table, participants));
    if (change === undefined) break;
    const next = applied(change, table);
    checkChange(change, { before: table, after: next }, participants);
    changes.push(change);
    table = next;
    assert.ok(changes.length < 200, 'it does not come to an end');
  }
  assert.ok(table !== undefined);
  return { table, changes };
}

function checkChange(
  change: Change,
  { before, after }: { before: CopiedTable | undefined; after: CopiedTable },
  participants: States,
): void {
  assert.equal(after.epoch, (before?.epoch ?? 0) + 1);
  const isHeard = heardIn(participants);
  const moved = new Set(change.kind === 'publish' ? [] : change.slots);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const now = assignmentOf(after, slot);
    const was = assignmentBefore(before, slot);
    if (now.owner === was.owner && now.second === was.second) {
      assert.equal(after.terms[slot], before?.terms[slot]);
      continue;
    }
    assert.equal(after.terms[slot], after.epoch);
    if (before !== undefined) checkSince(slot, { before, after });
    checkMove(now, was, isHeard);
    if (!moved.has(slot)) checkPublished(now, was, isHeard);
  }
}

function checkSince(slot: number, { before, after }: { before: CopiedTable; after: CopiedTable }): void {
  const { owner } = assignmentOf(after, slot);
  if (owner !== undefined && owner === assignmentOf(before, slot).second)
    assert.equal(after.ownerSince[slot], before.secondSince[slot]);
}

function assignmentBefore(before: CopiedTable | undefined, slot: number): Assignment {
  return before === undefined ? NONE : assignmentOf(before, slot);
}

const NONE: Assignment = { owner: undefined, second: undefined };

type IsHeard = (id: string | undefined) => boolean;

function heardIn(participants: States): IsHeard {
  return (id) => /member|leaving/.test(participants.get(id ?? '')?.state ?? '');
}

function checkMove(now: Assignment, was: Assignment, isHeard: IsHeard): void {
  assert.notEqual(now.owner, now.second);
  const kept = [now.owner, now.second].some((id) => id === was.owner || id === was.second);
  if (isHeard(was.owner) || isHeard(was.second)) assert.ok(kept, 'nobody who had everything stays');
}

function checkPublished(now: Assignment, was: Assignment, isHeard: IsHeard): void {
  if (isHeard(was.owner)) assert.equal(now.owner, was.owner, 'an owner lost a slot without hand-over');
  else if (isHeard(was.second)) assert.equal(now.owner, was.second, 'the copy was not used');
}

function checkAtRest(table: CopiedTable, participants: States): void {
  const ids = [...participants].filter(([, { state }]) => state === 'member').map(([id]) => id);
  assert.deepEqual(
    table.members.map(({ incarnation }) => incarnation),
    ids.toSorted(),
  );
  const counts = slotCounts(table);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
  const pairs = new Map<string, number>();
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const { owner, second } = assignmentOf(table, slot);
    assert.equal(second === undefined, ids.length === 1);
    pairs.set(`${owner} ${second}`, (pairs.get(`${owner} ${second}`) ?? 0) + 1);
  }
  for (const owner of ids) {
    const own = [...pairs].filter(([pair]) => pair.startsWith(`${owner} `)).map(([, count]) => count);
    assert.ok(Math.max(...own) - Math.min(...own) <= 1, `copies of ${owner}: ${own.join()}`);
  }
}

test('the first table has owners and copies for everybody', () => {
  const { table, changes } = settle(undefined, members('a', 'b', 'c'));
  assert.deepEqual(
    changes.map(({ kind }) => kind),
    ['publish'],
  );
  checkAtRest(table, members('a', 'b', 'c'));
});

test('a table is stored and told without a loss', () => {
  const { table } = settle(undefined, members('a', 'b', 'c'));
  assert.deepEqual(decodeStored(JSON.parse(JSON.stringify(encodeStored(table)))), table);
  const told = decodeToldTable(toldForm(table));
  assert.deepEqual(told.owners, table.slots);
  assert.deepEqual(told.members, table.members);
});

test('whoever dies is replaced by who has the copies, evenly, in one table', () => {
  const { table } = settle(undefined, members('a', 'b', 'c'));
  const left = members('b', 'c');
  const change = nextChange(situation(table, left, { isBusy: true }));
  assert.equal(change?.kind, 'publish');
  assert.deepEqual(change.table.gone, ['a/1']);
  const [b = 0, c = 0] = slotCounts(change.table);
  assert.ok(Math.abs(b - c) <= 2, `${b} and ${c}`);
  checkAtRest(settle(table, left).table, left);
});

const on = (node: string, ...ids: string[]): Participant[] => ids.map((id) => ({ ...participant(id), node }));

function slotsOnOneNode(table: CopiedTable, participants: States): number {
  const nodeOf = (incarnation = ''): string | undefined => participants.get(incarnation)?.node;
  let found = 0;
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const { owner, second } = assignmentOf(table, slot);
    if (nodeOf(owner) === nodeOf(second)) found += 1;
  }
  return found;
}

test('a node that is lost takes nobody with it who has the only copy left', () => {
  for (const here of [['a', 'b'], ['a', 'b', 'c'], ['b']]) {
    const all = states(...on('n1', ...here), ...on('n2', 'd', 'e'));
    const { table } = settle(undefined, all);
    checkAtRest(table, all);
    assert.equal(slotsOnOneNode(table, all), 0);
    const left = states(...on('n2', 'd', 'e'));
    const change = nextChange(situation(table, left));
    assert.equal(change?.kind, 'publish');
    assert.doesNotMatch(change.reason, /lost/);
  }
});

test('copies go to another node as soon as there is one', () => {
  const together = states(...on('n1', 'a', 'b'));
  const { table } = settle(undefined, together);
  checkAtRest(table, together);
  const more = states(...on('n1', 'a', 'b'), ...on('n2', 'c'));
  const { table: after } = settle(table, more);
  checkAtRest(after, more);
  assert.equal(slotsOnOneNode(after, more), 0);
});

test('one that started again under its id has forgotten everything and is another one', () => {
  const { table } = settle(undefined, members('a', 'b'));
  const again: Participant = {
    ...participant('a'),
    member: { ...participant('a').member, incarnation: 'a/2' },
  };
  const change = nextChange(situation(table, states(again, participant('b'))));
  assert.equal(change?.kind, 'publish');
  for (let slot = 0; slot < SLOTS; slot += 1)
    assert.deepEqual(assignmentOf(change.table, slot), { owner: 'b/1', second: 'a/2' });
});

test('a leaving instance hands its slots over, some at a time, and is then named nowhere', () => {
  const { table } = settle(undefined, members('a', 'b', 'c'));
  const participants = states(participant('a', 'leaving'), participant('b'), participant('c'));
  const { table: after, changes } = settle(table, participants);
  assert.deepEqual(after.owners, ['b', 'c']);
  const given = changes.flatMap((change) =>
    change.kind === 'hand-over' && change.as === 'owner' ? [change] : [],
  );
  assert.ok(given.every(({ from, slots }) => from.id === 'a' && slots.length <= 8_192));
  assert.equal(given.flatMap(({ slots }) => slots).length, slotCounts(table)[0]);
});

test('a silent owner is replaced by who has everything, and by nobody else', () => {
  const { table } = settle(undefined, members('a', 'b'));
  const silent = participant('a', 'silent');
  const change = nextChange(situation(table, states(silent, participant('b'))));
  assert.equal(change?.kind, 'publish');
  assert.equal(slotCounts(change.table)[change.table.owners.indexOf('b')], SLOTS);
  const lacking = { ...participant('b'), lacking: new Set(Array.from({ length: SLOTS }, (_, slot) => slot)) };
  const late = { ...participant('b'), epoch: 0 };
  for (const heir of [lacking, late]) {
    const { table: after } = settle(table, states(silent, heir));
    assert.deepEqual(after.slots, table.slots);
  }
});

test('an owner that is alone is not replaced before it has ended', () => {
  const { table } = settle(undefined, members('a'));
  const silent = states(participant('a', 'silent'), participant('b'));
  assert.equal(nextChange(situation(table, silent))?.kind, undefined);
  assert.equal(nextChange(situation(table, members('b')))?.kind, 'publish');
});

test('a silent second owner may be all that is left of sessions: it is waited for', () => {
  const { table } = settle(undefined, members('a', 'b'));
  const left = states(participant('b', 'silent'), participant('c'));
  const change = nextChange(situation(table, left));
  if (change?.kind !== 'publish') return assert.equal(change, undefined);
  for (let slot = 0; slot < SLOTS; slot += 1)
    assert.ok(Object.values(assignmentOf(change.table, slot)).includes('b/1'), `slot ${slot}`);
});

test('a hand-over that was left half done is called off by an epoch of its own', () => {
  const { table } = settle(undefined, members('a', 'b'));
  const change = nextChange(situation(table, members('a', 'b'), { isFrozen: true }));
  assert.equal(change?.kind, 'publish');
  assert.equal(change.table.epoch, table.epoch + 1);
  assert.deepEqual(change.table.terms, table.terms);
});

test('an epoch that somebody knows already never comes to mean another table', () => {
  const change = nextChange(situation(undefined, members('a', 'b'), { after: 41 }));
  assert.equal(change?.kind, 'publish');
  assert.equal(change.table.epoch, 42);
});

test('slots that are too busy are left for later', () => {
  const { table } = settle(undefined, members('a', 'b'));
  const more = members('a', 'b', 'c');
  const first = nextChange(situation(table, more));
  assert.equal(first?.kind, 'hand-over');
  const next = nextChange(situation(table, more, { postponed: new Set(first.slots) }));
  assert.equal(next?.kind, 'hand-over');
  assert.ok(!next.slots.some((slot) => first.slots.includes(slot)));
});

test('with nobody left the table stays', () => {
  const { table } = settle(undefined, members('a', 'b'));
  assert.equal(nextChange(situation(table, new Map()))?.kind, undefined);
});

test('after whatever has happened everything comes to rest, even, with copies', () => {
  const event = fc.record({
    kind: fc.constantFrom('add', 'leave', 'die', 'fall silent'),
    pick: fc.nat(100),
    settled: fc.nat(12),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), fc.integer({ min: 1, max: 6 }), (events, first) => {
      const all = members(...Array.from({ length: first }, (_, n) => `i${n}`));
      let { table } = settle(undefined, all);
      events.forEach(({ kind, pick, settled }, turn) => {
        const ids = [...all].filter(([, { state }]) => state === 'member').map(([id]) => id);
        const id = ids[pick % Math.max(1, ids.length)] ?? '';
        const one = all.get(id);
        if (kind === 'add' || ids.length < 2 || one === undefined)
          all.set(`j${turn}/1`, { ...participant(`j${turn}`), node: `n${pick % 3}` });
        else if (kind === 'leave') all.set(id, { ...one, state: 'leaving' });
        else if (kind === 'die') all.delete(id);
        else all.set(id, { ...one, state: 'silent' });
        for (let step = 0; step < settled; step += 1) {
          const change = nextChange(situation(table, all));
          if (change === undefined) break;
          const next = applied(change, table);
          checkChange(change, { before: table, after: next }, all);
          table = next;
        }
      });
      // Sooner or later it is known of everyone that fell silent.
      for (const [id, { state }] of all) if (state === 'silent') all.delete(id);
      table = settle(table, all).table;
      checkAtRest(table, all);
      assert.ok(!table.slots.includes(NOBODY));
    }),
    { numRuns: 15 },
  );
});
