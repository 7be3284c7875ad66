import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rehearsed } from './rehearsal.ts';
import { RehearsedSteps } from './rehearsed-steps.ts';

const step = (before: string): Rehearsed => ({ before, after: `${before}+`, isSingle: true, changes: [] });

test('a step is waited for until the shadow has come to it', async () => {
  const steps = new RehearsedSteps([step('a')]);
  assert.equal((await steps.at(0))?.before, 'a');
  assert.equal(steps.known(2), undefined);
  const third = steps.at(2);
  steps.add(step('b'));
  steps.add(step('c'));
  assert.equal((await third)?.before, 'c');
  assert.equal(steps.known(1)?.before, 'b');
});

test('nobody waits for a step to which the shadow does not come', async () => {
  const steps = new RehearsedSteps();
  const waiting = [steps.at(0), steps.at(1)];
  steps.add(step('a'));
  steps.end();
  const found = await Promise.all(waiting);
  assert.deepEqual(
    found.map((one) => one?.before),
    ['a', undefined],
  );
  assert.equal(await steps.at(7), undefined);
});
