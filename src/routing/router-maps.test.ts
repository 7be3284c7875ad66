import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NOBODY, ownerOfSlot, SLOTS, type OwnerTable } from './owner-table.ts';
import { changesMap, EPOCH_ENTRY, epochInForce, ownerMap } from './router-maps.ts';

const table = (epoch: number, owners: readonly string[], slots: ReadonlyMap<number, number>): OwnerTable => ({
  service: 'login',
  epoch,
  owners,
  slots: Uint16Array.from({ length: SLOTS }, (_, slot) => slots.get(slot) ?? NOBODY),
});

/** What HAProxy finds in a map: the value of the longest prefix that the slot has. */
function lookUp(map: string): (slot: number) => string | undefined {
  const values = new Map<string, string>();
  for (const line of map.split('\n').slice(1, -1)) {
    const [key = '', value = ''] = line.split(' ');
    const [address = '', bits = '32'] = key.split('/');
    const [, upper = 0, middle = 0, lower = 0] = address.split('.').map(Number);
    const first = (upper << 16) | (middle << 8) | lower;
    assert.equal(first % 2 ** (32 - Number(bits)), 0, `${key} is no prefix`);
    assert.equal(values.has(`${first}/${bits}`), false, `${key} is there twice`);
    values.set(`${first}/${bits}`, value);
  }
  return (slot) => {
    for (let bits = 32; bits >= 15; bits -= 1) {
      const size = 2 ** (32 - bits);
      const value = values.get(`${slot - (slot % size)}/${bits}`);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

const epochEntry = (map: string): string | undefined =>
  new RegExp(String.raw`^${EPOCH_ENTRY} (\S+)\n`).exec(map)?.[1];

/** Tables of stretches of all lengths, some of which nobody owns. */
const tables = fc
  .record({
    owners: fc.shuffledSubarray(['login-1', 'login-2', 'login-3'], { minLength: 1 }),
    cuts: fc.array(fc.record({ slot: fc.oneof(fc.nat(40), fc.nat(SLOTS - 1)), owner: fc.nat(3) }), {
      maxLength: 20,
    }),
  })
  .map(({ owners, cuts }) => {
    const slots = new Uint16Array(SLOTS).fill(NOBODY);
    for (const { slot, owner } of cuts.toSorted((a, b) => a.slot - b.slot))
      slots.fill(owner < owners.length ? owner : NOBODY, slot);
    return { service: 'login', owners, slots };
  });

test('a map and its changes together name the owners of the table they were made for', () => {
  fc.assert(
    fc.property(tables, tables, fc.array(fc.nat(SLOTS - 1), { minLength: 50 }), (before, after, some) => {
      const [base, next] = [
        { ...before, epoch: 4 },
        { ...after, epoch: 7 },
      ];
      const [map, changes] = [ownerMap(base), changesMap(base, next)];
      const [inMap, inChanges] = [lookUp(map), lookUp(changes)];
      for (const slot of [...Array(41).keys(), SLOTS - 1, ...some]) {
        assert.equal(inMap(slot), ownerOfSlot(base, slot), `slot ${slot} of the map`);
        assert.equal(inChanges(slot) ?? inMap(slot) ?? '-', ownerOfSlot(next, slot) ?? '-', `slot ${slot}`);
      }
      assert.equal(epochInForce(epochEntry(map), epochEntry(changes)), 7);
    }),
    { numRuns: 50 },
  );
});

test('a stretch is told by few prefixes that cover nothing else', () => {
  const all = table(1, ['a'], new Map()).slots.fill(0);
  const whole = { ...table(1, ['a', 'b'], new Map()), slots: all };
  assert.equal(ownerMap(whole), '255.255.255.255 1\n0.0.0.0/16 a\n0.1.0.0 a\n');
  const some = { ...whole, epoch: 2, slots: all.slice().fill(1, 3, 9) };
  assert.equal(changesMap(whole, some), '255.255.255.255 2-1\n0.0.0.3 b\n0.0.0.4/30 b\n0.0.0.8 b\n');
  assert.equal(ownerMap(table(3, [], new Map())), '255.255.255.255 3\n');
});

test('what has not changed is no change, whatever number an owner has', () => {
  const one = table(
    1,
    ['a', 'b'],
    new Map([
      [3, 0],
      [4, 1],
    ]),
  );
  const two = table(
    2,
    ['b', 'a'],
    new Map([
      [3, 1],
      [4, 0],
    ]),
  );
  assert.equal(changesMap(one, two), '255.255.255.255 2-1\n');
});

test('of a map and changes to another map the older epoch counts', () => {
  assert.equal(epochInForce('5', undefined), 5);
  assert.equal(epochInForce('5', ''), 5);
  assert.equal(epochInForce('5', '6-5'), 6);
  assert.equal(epochInForce('5', '4-1'), 4);
  assert.equal(epochInForce('5', '6-1'), 5);
  assert.equal(epochInForce('0', '1-0'), 1);
  assert.equal(epochInForce(undefined, '6-1'), undefined);
});
