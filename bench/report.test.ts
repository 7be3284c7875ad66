import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTable } from './report.ts';

test('the table shows value, peer, ratio and goal, and names what is missed', () => {
  const table = renderTable([
    { name: 'up', value: 1.5, unit: 's', peer: 9.5, goal: 3 },
    { name: 'idle.memory', value: 200, unit: 'MB', goal: 150, about: 'resident' },
  ]);
  assert.equal(
    table,
    [
      'figure        value   peer  ratio       goal',
      'up            1.5 s  9.5 s  0.158     <= 3 s      met',
      'idle.memory  200 MB                <= 150 MB  NOT MET',
      '',
      'idle.memory: resident',
      '',
      'NOT MET: idle.memory.',
      '',
    ].join('\n'),
  );
});

test('a table without a missed goal says so', () => {
  assert.match(renderTable([{ name: 'up', value: 1, unit: 's', goal: 3 }]), /\nEvery goal is met\.\n$/);
});
