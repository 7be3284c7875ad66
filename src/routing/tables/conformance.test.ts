/**
 * What every owner table keeps to, and the bounds that each algorithm sets itself, over random histories
 * of members that come, go and change their weights. The bounds of the random ones are so wide that one
 * in a million shares would break them, and the histories are the same in each run.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { movedSlots, NOBODY, ownerOfSlot, slotCounts, SLOTS, type OwnerTable } from '../owner-table.ts';
import { OWNER_TABLES } from './make-table.ts';
import { alike, GREATEST_WEIGHT, type MakeTable, type Member } from './member.ts';

/** Each of them makes some ten changes. */
const HISTORIES = Number(process.env['HOLDFAST_TABLE_HISTORIES'] ?? 15);
const SEED = 5;

interface Change {
  readonly before: readonly Member[];
  readonly after: readonly Member[];
}

interface Bounds {
  /** The least and the most slots that a member may have. */
  readonly share: (member: Member, members: readonly Member[]) => readonly [least: number, most: number];
  /**
   * How many slots may move beyond those that must: from members that went or weigh less in proportion, or
   * to members that came or weigh more.
   */
  readonly extraMoves: (change: Change) => number;
}

const sumOf = (members: readonly Member[]): number => members.reduce((sum, { weight }) => sum + weight, 0);
const exactShare = ({ weight }: Member, members: readonly Member[]): number =>
  (SLOTS * weight) / sumOf(members);

/** One in a million is beyond it: e^-14. */
const RARE = 14;

/** Bernstein's bound for the number of slots won in independent draws. */
function binomial(expected: number): readonly [number, number] {
  const width = Math.sqrt(2 * RARE * expected);
  return [expected - width, expected + width + RARE / 3];
}

/** Four points for each whole hash. */
const pointsOf = (member: Member, members: readonly Member[]): number =>
  4 * Math.floor((40 * members.length * member.weight) / sumOf(members));

/** A sum of `points` gaps that are nearly exponential (the sub-gamma bound), and a slot's place in each. */
function gaps(member: Member, members: readonly Member[]): readonly [number, number] {
  const points = pointsOf(member, members);
  if (points === 0) return [0, 0];
  const all = members.reduce((sum, one) => sum + pointsOf(one, members), 0);
  const expected = (SLOTS * points) / all;
  const width = Math.sqrt((2 * RARE) / points);
  const rounding = Math.sqrt((RARE * Math.min(points, 4 * expected)) / 2) + RARE / 3;
  const most = points === all ? SLOTS : expected * (1 + width + RARE / points) + rounding;
  return [expected * (1 - width) - rounding, most];
}

/** By how many points the ring changes that would not have to: the average weight is another one. */
function shiftedPoints({ before, after }: Change): number {
  const now = new Map(after.map((member) => [member.id, member]));
  return before.reduce((sum, member) => {
    const same = now.get(member.id);
    if (same === undefined || same.weight !== member.weight) return sum;
    return sum + Math.abs(pointsOf(member, before) - pointsOf(same, after));
  }, 0);
}

const BOUNDS: Readonly<Record<keyof typeof OWNER_TABLES, Bounds>> = {
  steady: {
    share: (member, members) => [exactShare(member, members) - 1, exactShare(member, members) + 1],
    // steady.test.ts has the least number of moves itself.
    extraMoves: ({ before, after }) => before.length + after.length,
  },
  maglev: {
    // After T turns a member has had floor(T x weight / greatest weight) + 1.
    share: (member, members) => {
      const exact = exactShare(member, members);
      return [exact - (member.weight * members.length) / sumOf(members) - 1, exact + 2];
    },
    // The paper gives figures, no bound; 0.6 % of the table is the most that was seen when one member changes.
    extraMoves: () => 0.01 * SLOTS,
  },
  ring: {
    share: gaps,
    extraMoves: (change) => {
      const shifted = shiftedPoints(change);
      const least = Math.min(change.before.length, change.after.length);
      return shifted === 0 ? 0 : (SLOTS / (160 * least)) * shifted + 0.03 * SLOTS;
    },
  },
  rendezvous: {
    share: (member, members) =>
      members.length === 1 ? [SLOTS, SLOTS] : binomial(exactShare(member, members)),
    extraMoves: () => 0,
  },
};

/** Those of `members` that are not among the others, or weigh less there. */
function idsAbove(members: readonly Member[], others: readonly Member[]): Set<string> {
  const there = new Map(others.map(({ id, weight }) => [id, weight]));
  return new Set(members.filter(({ id, weight }) => (there.get(id) ?? 0) < weight).map(({ id }) => id));
}

/** Slots that moved between two members to whom nothing happened. */
function needlessMoves(before: OwnerTable, after: OwnerTable, change: Change): number {
  const losers = idsAbove(change.before, change.after);
  const winners = idsAbove(change.after, change.before);
  // Per owner of the earlier table, what the slot may become: its own number now, or anything.
  const place = new Map(after.owners.map((owner, index) => [owner, index]));
  const kept = before.owners.map((owner) => (losers.has(owner) ? NOBODY : (place.get(owner) ?? NOBODY)));
  const wins = after.owners.map((owner) => winners.has(owner));
  let needless = 0;
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const expected = kept[before.slots[slot] ?? NOBODY] ?? NOBODY;
    const owner = after.slots[slot] ?? NOBODY;
    if (expected !== NOBODY && owner !== expected && wins[owner] !== true) needless += 1;
  }
  return needless;
}

const weights = { equal: fc.constant(1), different: fc.integer({ min: 1, max: GREATEST_WEIGHT }) };

/** Steps of a history: a member comes, goes, or gets another weight. */
const steps = (weight: fc.Arbitrary<number>): fc.Arbitrary<readonly (readonly Member[])[]> =>
  fc
    .record({
      first: fc.array(weight, { minLength: 1, maxLength: 40 }),
      changes: fc.array(
        fc.record({ kind: fc.constantFrom('joins', 'goes', 'goes', 'weighs'), which: fc.nat(1_000), weight }),
        { minLength: 8, maxLength: 12 },
      ),
    })
    .map(({ first, changes }) => {
      let members = first.map((weight, n): Member => ({ id: `login-${n}`, weight }));
      const history = [members];
      changes.forEach(({ kind, which, weight }, n) => {
        const at = which % members.length;
        if (kind === 'joins' || members.length === 1) members = [...members, { id: `new-${n}`, weight }];
        else if (kind === 'goes') members = members.toSpliced(at, 1);
        else members = members.with(at, { id: members[at]?.id ?? '', weight });
        history.push(members);
      });
      return history;
    });

function checkTable(table: OwnerTable, members: readonly Member[], bounds: Bounds): void {
  assert.deepEqual(new Set(table.owners), new Set(members.map(({ id }) => id)));
  assert.equal(table.slots.includes(NOBODY), false, 'a slot that nobody owns');
  const counts = slotCounts(table);
  for (const member of members) {
    const count = counts[table.owners.indexOf(member.id)] ?? 0;
    const [least, most] = bounds.share(member, members);
    assert.ok(count >= least && count <= most, `${count} slots, not from ${least} to ${most}`);
  }
}

function checkHistory(make: MakeTable, bounds: Bounds, history: readonly (readonly Member[])[]): void {
  let table: OwnerTable | undefined;
  let before: readonly Member[] = [];
  for (const after of history) {
    const next = make(table, 'login', after);
    checkTable(next, after, bounds);
    const again = make(table, 'login', [...after.toReversed(), ...after]);
    assert.ok(again === next || movedSlots(again, next) === 0, 'the order of the members matters');
    if (table !== undefined) {
      const change = { before, after };
      const needless = needlessMoves(table, next, change);
      assert.ok(needless <= bounds.extraMoves(change), `${needless} slots moved without need`);
      assert.equal(next.epoch, next === table ? table.epoch : table.epoch + 1);
      assert.equal(next === table, movedSlots(table, next) === 0 && before.length === after.length);
    }
    table = next;
    before = after;
  }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `login-${n + 1}`);

for (const [name, make] of Object.entries(OWNER_TABLES) as [keyof typeof OWNER_TABLES, MakeTable][]) {
  describe(name, () => {
    for (const [kind, weight] of Object.entries(weights)) {
      test(`with ${kind} weights it keeps to its bounds through any history`, () => {
        fc.assert(
          fc.property(steps(weight), (history) => checkHistory(make, BOUNDS[name], history)),
          { numRuns: HISTORIES, seed: SEED, endOnFailure: true },
        );
      });
    }

    test('without members every slot belongs to nobody, and the next members share all of them', () => {
      const before = make(undefined, 'login', alike(names(2)));
      const empty = make(before, 'login', []);
      assert.equal(
        empty.slots.every((owner) => owner === NOBODY),
        true,
      );
      assert.equal(empty.epoch, 2);
      assert.equal(make(empty, 'login', []), empty);
      const after = make(empty, 'login', alike(names(2)));
      assert.equal(after.epoch, 3);
      checkTable(after, alike(names(2)), BOUNDS[name]);
    });

    test('the epoch begins at 1, grows by one with a change, and without one the very same table comes back', () => {
      const first = make(undefined, 'login', alike(names(3)));
      assert.equal(first.epoch, 1);
      assert.equal(make(first, 'login', alike(names(3).toReversed())), first);
      assert.equal(make(first, 'login', alike(names(4))).epoch, 2);
      const renumbered: OwnerTable = {
        ...first,
        owners: first.owners.toReversed(),
        slots: first.slots.map((owner) => 2 - owner),
      };
      assert.equal(make(renumbered, 'login', alike(names(3))), renumbered);
    });

    test('a weight out of bounds, two weights of one member and too many members are refused', () => {
      for (const weight of [0, -1, 1.5, 101, Number.NaN])
        assert.throws(() => make(undefined, 'login', [{ id: 'a', weight }]), RangeError);
      const twice = [
        { id: 'a', weight: 1 },
        { id: 'a', weight: 2 },
      ];
      assert.throws(() => make(undefined, 'login', twice), RangeError);
      assert.throws(() => make(undefined, 'login', alike(names(NOBODY))), RangeError);
    });
  });
}

test('all but steady are the same after any history', () => {
  const members = alike(names(20));
  for (const make of [OWNER_TABLES.maglev, OWNER_TABLES.ring, OWNER_TABLES.rendezvous]) {
    const later = make(make(undefined, 'login', alike(names(33))), 'login', members);
    assert.equal(movedSlots(make(undefined, 'login', members), later), 0);
  }
});

/** The mean square of how far shares are from even, in parts of the even share. */
function spread(make: MakeTable, count: number, sets: number): number {
  let sum = 0;
  for (let set = 0; set < sets; set += 1) {
    const ids = Array.from({ length: count }, (_, n) => `set-${set}-${n}`);
    for (const slots of slotCounts(make(undefined, 'login', alike(ids))))
      sum += ((slots * count) / SLOTS - 1) ** 2;
  }
  return sum / (sets * count);
}

test('the shares of rendezvous spread as those of a fair draw do', () => {
  const fair = 19 / SLOTS;
  const seen = spread(OWNER_TABLES.rendezvous, 20, 60);
  assert.ok(Math.abs(seen / fair - 1) < 0.15, `${seen} instead of ${fair}`);
});

test('the shares of the ring spread as 160 random points a member do', () => {
  // A share of the circle has the Beta distribution; a slot's place in an arc adds a sixth of a slot.
  const fair = 19 / (160 * 20 + 1) + (160 * (1 / 6)) / (SLOTS / 20) ** 2;
  const seen = spread(OWNER_TABLES.ring, 20, 60);
  assert.ok(Math.abs(seen / fair - 1) < 0.15, `${seen} instead of ${fair}`);
});

test('when the owner of a slot goes in rendezvous, exactly the second choice takes over', () => {
  const members = [3, 1, 7, 1, 2, 100].map((weight, n) => ({ id: `login-${n}`, weight }));
  const table = (among: readonly Member[]): OwnerTable => OWNER_TABLES.rendezvous(undefined, 'login', among);
  const duels = members.flatMap((a, n) => members.slice(n + 1).map((b) => table([a, b])));
  const all = table(members);
  const without = new Map(members.map((gone) => [gone.id, table(members.filter((m) => m !== gone))]));
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const won = Map.groupBy(duels, (duel) => ownerOfSlot(duel, slot) ?? '');
    const ranking = members
      .map(({ id }) => id)
      .toSorted((a, b) => (won.get(b)?.length ?? 0) - (won.get(a)?.length ?? 0));
    const [first = '', second] = ranking;
    assert.equal(ownerOfSlot(all, slot), first);
    const reduced = without.get(first);
    assert.equal(reduced && ownerOfSlot(reduced, slot), second);
  }
});

test('the suite catches a table that is made anew, one that forgets a weight, and one that depends on order', () => {
  const fails = (make: MakeTable, bounds: Bounds, kind: keyof typeof weights): void =>
    assert.throws(() =>
      fc.assert(
        fc.property(steps(weights[kind]), (history) => checkHistory(make, bounds, history)),
        { numRuns: 5, seed: SEED, endOnFailure: true },
      ),
    );
  const { rendezvous, steady } = OWNER_TABLES;
  const anew: MakeTable = (_, service, members) => steady(undefined, service, members);
  const unweighted: MakeTable = (previous, service, members) =>
    rendezvous(previous, service, alike(members.map(({ id }) => id)));
  const asGiven: MakeTable = (previous, service, members) => {
    const ids = [...new Set(members.map(({ id }) => id))];
    const renamed = rendezvous(previous, service, alike(ids.map((_, n) => `login-${n}`)));
    return { ...renamed, owners: renamed.owners.map((owner) => ids[Number(owner.slice(6))] ?? '') };
  };
  fails(anew, BOUNDS.steady, 'equal');
  fails(unweighted, BOUNDS.rendezvous, 'different');
  fails(asGiven, BOUNDS.rendezvous, 'equal');
});
