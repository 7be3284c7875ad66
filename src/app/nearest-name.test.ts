import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from './nearest-name.ts';

test('finds the name that was meant', () => {
  assert.equal(nearestName('mni', ['max', 'min']), 'min');
  assert.equal(nearestName('Statefull', ['run', 'stateful', 'stop']), 'stateful');
  assert.equal(nearestName('comunity', ['login', 'community']), 'community');
  assert.equal(nearestName('migratons', ['routes', 'migrations']), 'migrations');
});

test('stays silent when nothing is near', () => {
  assert.equal(nearestName('volumes', ['name', 'services', 'logs']), undefined);
  assert.equal(nearestName('x', ['a', 'b']), undefined);
  assert.equal(nearestName('', ['a']), undefined);
  assert.equal(nearestName('anything', []), undefined);
});
