import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { conditionsOf, type StatusCondition } from './conditions.ts';
import type { RoundResult } from './reconcile.ts';
import type { Status } from './status.ts';

const READY: Status = {
  name: 'shop',
  url: null,
  state: 'ready',
  services: [],
  database: { topology: 'single', state: 'ready' },
  migrations: { state: 'applied', applied: 1, pending: 0 },
  router: { state: 'ready' },
  waiting: [],
};
const WAITING: Status = {
  ...READY,
  state: 'changing',
  waiting: [
    { part: 'web', reason: '1 of 2 ready' },
    { part: 'database', reason: 'starts' },
  ],
};
const HELD: Status = {
  ...WAITING,
  migrations: { state: 'held', applied: 0, pending: 1, problem: 'V2__x.sql: statement 3 failed' },
};

function told(result: Partial<RoundResult>, paused = false): Record<string, StatusCondition> {
  const conditions = conditionsOf({ leaving: false, awaitsRouters: false, ...result }, paused);
  return Object.fromEntries(conditions.map((condition) => [condition.type, condition]));
}

/** Ready, Reconciling, Stalled: T or F. */
function letters(conditions: Record<string, StatusCondition>): string {
  return ['Ready', 'Reconciling', 'Stalled'].map((type) => conditions[type]?.status[0] ?? '-').join('');
}

const SITUATIONS: readonly [string, Partial<RoundResult>, string, string, RegExp][] = [
  ['everything is there', { status: READY }, 'TFF', 'Ready', /everything is as wanted/],
  [
    'something is under way',
    { status: WAITING },
    'FTF',
    'Progressing',
    /^web: 1 of 2 ready; database: starts$/,
  ],
  [
    'something is due, and nothing is waited for',
    { status: { ...WAITING, waiting: [] } },
    'FTF',
    'Progressing',
    /being brought/,
  ],
  [
    'a migration failed',
    { status: HELD },
    'FFT',
    'MigrationFailed',
    /statement 3 failed\n.*running ones go on.*holdfast migrate run/,
  ],
  [
    'the spec can’t be used',
    { problem: 'services: missing' },
    'FFT',
    'InvalidSpec',
    /services: missing\n.*Change the spec/,
  ],
  [
    'the spec can’t be used, and what was in force is well',
    { status: READY, problem: 'services: missing' },
    'FFT',
    'InvalidSpec',
    /what was in force goes on/,
  ],
  [
    'a Secret of the user’s is missing',
    { problem: 'the Secret "mail" does not exist', lacksSecret: true },
    'FFT',
    'InvalidSpec',
    /does not exist\nMake the Secret .*or change the spec; what was in force goes on/,
  ],
  [
    'a release was rolled back',
    { status: READY, refused: 'web: 0 of 2 ready' },
    'FFT',
    'RolledBack',
    /web: 0 of 2 ready.*until the spec changes/,
  ],
  [
    'a service does not get ready, and there is nothing to go back to',
    { status: WAITING, stuck: 'web: no such image' },
    'FFT',
    'NotReadyInTime',
    /no such image\n.*deploy it again/,
  ],
];

for (const [what, result, expected, reason, words] of SITUATIONS) {
  test(`${what}: ${expected} for Ready, Reconciling, Stalled`, () => {
    const conditions = told(result);
    assert.equal(letters(conditions), expected);
    assert.equal(conditions['Ready']?.reason, reason);
    assert.match(conditions['Ready']?.message ?? '', new RegExp(words.source, 's'));
  });
}

test('what was rolled back is told by a condition of its own, which is there only then', () => {
  assert.equal(told({ status: READY, refused: 'web: too slow' })['RolledBack']?.status, 'True');
  assert.equal(told({ status: READY })['RolledBack'], undefined);
});

test('what does not decide whether it is ready is told beside', () => {
  const conditions = told({ status: READY, volumeProblem: 'it never shrinks' });
  assert.equal(letters(conditions), 'TFF');
  assert.equal(conditions['VolumeAsWanted']?.status, 'False');
});

test('while it is paused nothing is under way, and it is ready if it was', () => {
  assert.equal(letters(told({ status: READY }, true)), 'TFF');
  const conditions = told({ status: WAITING }, true);
  assert.equal(letters(conditions), 'FFF');
  assert.match(conditions['Ready']?.message ?? '', /^paused: nothing is changed\. web: 1 of 2 ready/);
  assert.match(conditions['Reconciling']?.message ?? '', /paused/);
});

test('a message stays within what the API server keeps', () => {
  const { Ready } = told({ problem: 'x'.repeat(50_000) });
  assert.ok((Ready?.message.length ?? 0) <= 32_768);
});

const text = fc.string({ minLength: 1 });
const situation = fc.record(
  {
    status: fc.constantFrom(READY, WAITING, HELD, { ...WAITING, waiting: [] }),
    problem: text,
    refused: text,
    stuck: text,
    leaving: fc.boolean(),
    awaitsRouters: fc.boolean(),
  },
  { requiredKeys: ['leaving', 'awaitsRouters'] },
);

test('in every situation each condition has a reason and a sentence, and they never contradict each other', () => {
  fc.assert(
    fc.property(situation, fc.boolean(), (result, paused) => {
      const conditions = conditionsOf(result, paused);
      for (const { reason, message, type } of conditions) {
        // The pattern that the API server asks of a reason.
        assert.match(reason, /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
        assert.notEqual(message.trim(), '', type);
      }
      const all = letters(told(result, paused));
      assert.ok(['TFF', 'FTF', 'FFT', ...(paused ? ['FFF'] : [])].includes(all), all);
      assert.ok(all !== 'TFF' || result.status?.state === 'ready');
    }),
  );
});
