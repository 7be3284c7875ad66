import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { movedSlots, slotCounts, SLOTS, type OwnerTable } from './owner-table.ts';
import { alike } from './tables/member.ts';
import { steadyTable } from './tables/steady.ts';
import { WARM, warmingMembers, type Candidate } from './warm-up.ts';

const WARMUP = 60_000;

function held(table: OwnerTable, id: string): number {
  return slotCounts(table)[table.owners.indexOf(id)] ?? 0;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `login-${n + 1}`);

const HOUR = 3_600_000;

const old = (count: number): Candidate[] => names(count).map((id) => ({ id, readyFor: HOUR, runsFor: HOUR }));

const fresh = (id: string, readyFor: number | undefined): Candidate => ({
  id,
  readyFor,
  runsFor: 1_000 + (readyFor ?? 0),
});

/** The table that follows when the candidates are as they are. */
function next(table: OwnerTable | undefined, candidates: readonly Candidate[], warmup = WARMUP): OwnerTable {
  return steadyTable(table, 'login', warmingMembers(table, candidates, warmup));
}

test('the first instances have their full share at once, also when some have just got ready', () => {
  const candidates = [...old(2), fresh('login-3', 0)];
  assert.deepEqual(next(undefined, candidates), steadyTable(undefined, 'login', alike(names(3))));
});

test('without a warm-up a new instance has its full share at once', () => {
  const before = next(undefined, old(2));
  const after = next(before, [...old(2), fresh('login-3', 0)], 0);
  assert.ok(Math.max(...slotCounts(after)) - Math.min(...slotCounts(after)) <= 1);
});

test('a new instance begins with a tenth of what each other one has', () => {
  const after = next(next(undefined, old(2)), [...old(2), fresh('login-3', 0)]);
  assert.equal(held(after, 'login-3'), Math.floor(SLOTS / 21));
});

test('the share of new instances only grows, by the fewest moves, and in the end all are even', () => {
  const looks = fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      looks,
      (few, more, pauses) => {
        const came = names(few + more).slice(few);
        let table = next(undefined, old(few));
        let readyFor = 0;
        let moved = 0;
        for (const pause of [0, ...pauses, WARMUP]) {
          readyFor += pause;
          const candidates = [...old(few), ...came.map((id) => fresh(id, readyFor))];
          const after = next(table, candidates);
          for (const id of came) assert.ok(held(after, id) >= held(table, id), `${id} only gains`);
          for (const id of names(few)) assert.ok(held(after, id) <= held(table, id), `${id} only gives`);
          assert.equal(next(after, candidates), after, 'with time standing still nothing moves');
          moved += movedSlots(table, after);
          table = after;
        }
        assert.deepEqual(
          came.reduce((sum, id) => sum + held(table, id), 0),
          moved,
        );
        const counts = slotCounts(table);
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
      },
    ),
    { numRuns: 10 },
  );
});

test('whoever was not ready for a moment, or for whom it is not known how long, keeps what it has', () => {
  const before = next(next(undefined, old(2)), [...old(2), fresh('login-3', WARMUP / 2)]);
  for (const readyFor of [undefined, 0, -5_000]) {
    assert.equal(next(before, [...old(2), fresh('login-3', readyFor)]), before);
  }
});

test('when the warm ones go, those that are left are warm', () => {
  const before = next(next(undefined, old(1)), [...old(1), fresh('login-2', 0)]);
  const left = [{ ...fresh('login-2', 10), runsFor: HOUR }, fresh('login-3', 0)];
  assert.deepEqual(warmingMembers(before, left, WARMUP), [
    { id: 'login-2', weight: WARM },
    { id: 'login-3', weight: 1 },
  ]);
});

test('of instances that have come together, none is warmer than the others', () => {
  const together = ['login-1', 'login-2'].map((id) => fresh(id, 2_000));
  const first = next(undefined, together.slice(0, 1));
  const second = next(first, together);
  assert.ok(Math.abs(held(second, 'login-1') - held(second, 'login-2')) <= 1);
  assert.equal(next(second, [fresh('login-1', 30_000), fresh('login-2', 29_000)]), second);
});

test('after a moment in which the old ones did not answer, a new one is not warmer for that', () => {
  const before = next(undefined, old(2));
  const back = old(2).map((candidate) => ({ ...candidate, readyFor: 0 }));
  assert.equal(held(next(before, [...back, fresh('login-3', 0)]), 'login-3'), Math.floor(SLOTS / 21));
});
