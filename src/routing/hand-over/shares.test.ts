import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NOBODY, SLOTS } from '../owner-table.ts';
import { draftOf, type Draft } from './copied-table.ts';
import { chooseMove, evenShares, fill } from './shares.ts';

function draftFor(names: number): Draft {
  const members = Array.from({ length: names }, (_, n) => {
    return { id: `i${n}`, incarnation: `i${n}/1`, url: '', http: '' };
  });
  return draftOf(undefined, members);
}

function counts({ owners, members }: Draft): number[] {
  return members.map((_, place) => owners.filter((owner) => owner === place).length);
}

test('what nobody owns is dealt out evenly, to those first who own less', () => {
  const draft = draftFor(3);
  draft.owners.fill(0, 0, 30_000);
  fill(draft.owners, [0, 1, 2], [...draft.owners.keys()].slice(30_000));
  assert.deepEqual(counts(draft), [30_000, 17_769, 17_768]);
  assert.ok(!draft.owners.includes(NOBODY));
});

test('moves end with even shares, and no slot moves that need not', () => {
  const sizes = fc.array(fc.nat(100), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 20_000 }), fc.nat(4), (weights, limit, leaver) => {
      const draft = draftFor(weights.length);
      const sum = weights.reduce((total, weight) => total + weight + 1, 0);
      let at = 0;
      weights.forEach((weight, place) => {
        const end = place === weights.length - 1 ? SLOTS : at + Math.floor(((weight + 1) * SLOTS) / sum);
        draft.owners.fill(place, at, end);
        at = end;
      });
      const places = [...weights.keys()];
      const able = places.filter((place) => place !== leaver);
      const shares = evenShares(draft, able);
      const least = counts(draft).reduce(
        (total, count, place) => total + Math.max(0, count - (shares[place] ?? 0)),
        0,
      );
      const isLeaving = (place: number): boolean => place === leaver;
      let moved = 0;
      for (;;) {
        const move = chooseMove(draft, shares, {
          givers: places,
          isLeaving,
          limit: limit + 2_000,
          postponed: new Set(),
        });
        if (move === undefined) break;
        moved += move.slots.length;
        for (const slot of move.slots) draft.owners[slot] = move.to;
      }
      assert.equal(moved, least);
      assert.deepEqual(counts(draft), [...shares]);
    }),
    { numRuns: 30 },
  );
});
