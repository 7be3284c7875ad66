import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Phase } from './migration-set.ts';
import {
  appliedContract,
  contractWarning,
  divideByContract,
  hasContract,
  type Division,
} from './release-phase.ts';

type File = Readonly<{ file: string; phase: Phase; version: string }>;

const file = (version: string, phase: Phase = 'expand'): File => ({ file: `V${version}`, phase, version });
const divided = (...files: readonly File[]): Division<File> => divideByContract(files, (one) => one);

test('without a contract everything may be applied', () => {
  const files = [file('1'), file('2', 'backfill')];
  assert.deepEqual(divided(...files), { now: files, later: [] });
  assert.deepEqual(divided(), { now: [], later: [] });
});

test('contracts at the end wait, and what comes before them does not', () => {
  const [expand, fill, first, second] = [
    file('1'),
    file('2', 'backfill'),
    file('3', 'contract'),
    file('4', 'contract'),
  ];
  assert.deepEqual(divided(expand, fill, first, second), { now: [expand, fill], later: [first, second] });
  assert.deepEqual(divided(first), { now: [], later: [first] });
});

test('a repeatable file is applied although it comes last', () => {
  const [contract, view] = [file('3', 'contract'), file('R:view')];
  assert.deepEqual(divided(contract, view), { now: [view], later: [contract] });
});

test('a file behind a contract is told with both names: it can come neither before it nor after it', () => {
  const { problem = '' } = divided(file('1'), file('2', 'contract'), file('3'));
  assert.match(problem, /^V3 comes after the contract V2, .*Release the files up to V2 first/);
});

test('whoever applies a contract by hand is told what it means', () => {
  assert.match(contractWarning([file('1'), file('2', 'contract')]) ?? '', /^V2: .*no way back/);
  assert.equal(contractWarning([file('1'), file('2', 'backfill')]), undefined);
});

test('of applied contracts the last one decides which versions can come back', () => {
  const [expand, first, last] = [file('1'), file('2', 'contract'), file('10', 'contract')];
  assert.deepEqual(appliedContract([expand, first, last]), { state: 'applied', files: ['V10'] });
  assert.deepEqual(appliedContract([expand]), { state: 'none', files: [] });
  assert.equal(hasContract([expand, first, last], '10'), true);
  assert.equal(hasContract([expand, first], '10'), false);
  assert.equal(hasContract([expand], '2'), false);
});
