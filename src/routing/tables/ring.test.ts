import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ownerOfSlot, SLOTS } from '../owner-table.ts';
import { alike, inOrder } from './member.ts';
import { ringPoints, ringTable } from './ring.ts';

interface Ring {
  readonly weights: Readonly<Record<string, number>>;
  /** Ascending, per member. */
  readonly points: Readonly<Record<string, readonly number[]>>;
}

/** Made by uhashring; see ring.py beside it. */
const RINGS = JSON.parse(
  readFileSync(new URL('../../../test/routing/vectors/ring.json', import.meta.url), 'utf8'),
) as Ring[];

const membersOf = ({ weights }: Ring): { id: string; weight: number }[] =>
  Object.entries(weights).map(([id, weight]) => ({ id, weight }));

test('the points are those of another ketama, for equal and for different weights', () => {
  for (const ring of RINGS) {
    const members = inOrder(membersOf(ring));
    const points = [...ringPoints(members)];
    members.forEach(({ id }, index) => {
      const own = points.filter((p) => p % 2 ** 16 === index).map((p) => Math.floor(p / 2 ** 16));
      assert.deepEqual(own, ring.points[id], id);
    });
  }
});

test('a slot belongs to the first of those points at or after its place, behind the last to the first', () => {
  for (const ring of RINGS) {
    const all = Object.entries(ring.points)
      .flatMap(([id, points]) => points.map((point) => ({ id, point })))
      .toSorted((a, b) => a.point - b.point);
    const table = ringTable(undefined, 'login', membersOf(ring));
    for (let slot = 0; slot < SLOTS; slot += 7) {
      const next = all.find(({ point }) => point >= slot * 65_535) ?? all[0];
      assert.equal(ownerOfSlot(table, slot), next?.id, `slot ${slot}`);
    }
    assert.equal(
      ownerOfSlot(table, SLOTS - 1),
      (all.find(({ point }) => point >= 65_536 * 65_535) ?? all[0])?.id,
    );
  }
});

test('a member of average weight has 160 points, however many there are', () => {
  for (const count of [1, 2, 3, 7, 49, 200]) {
    const members = alike(Array.from({ length: count }, (_, n) => `login-${n}`));
    assert.equal(ringPoints(members).length, 160 * count);
  }
});
