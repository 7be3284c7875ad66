import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { differences, mayShowOfSpec } from './differences.ts';

const all = (): boolean => true;

test('values that differ are told by their path', () => {
  assert.deepEqual(differences({ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 }, d: 'x' }, all), [
    { path: 'a.c', before: '2', after: '3' },
    { path: 'd', after: 'x' },
  ]);
});

test('named things in a list are compared by name, others by place', () => {
  const before = [
    { name: 'a', value: 1 },
    { name: 'b', value: 2 },
  ];
  assert.deepEqual(differences(before, [{ name: 'b', value: 3 }], all), [
    { path: 'a.name', before: 'a' },
    { path: 'a.value', before: '1' },
    { path: 'b.value', before: '2', after: '3' },
  ]);
  assert.deepEqual(differences([1, 2], [1, 3], all), [{ path: '1', before: '2', after: '3' }]);
});

test('a value has no difference from itself', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => differences(value, value, all).length === 0));
});

test('what may be a secret is not told', () => {
  const spec = (word: string): unknown => ({
    services: { web: { image: 'web:1', env: { KEY: { value: word } } } },
    database: { topology: 'external', url: { value: `mysql://u:${word}@h/d` } },
    smoke: [{ path: '/', body: word, headers: { authorization: word } }],
  });
  const found = differences(spec('geheim'), spec('secret'), mayShowOfSpec);
  assert.deepEqual(
    found.map(({ path }) => path),
    ['database.url.value', 'services.web.env.KEY.value', 'smoke.0.body', 'smoke.0.headers.authorization'],
  );
  assert.doesNotMatch(JSON.stringify(found), /geheim|"secret"/);
});

test('a whole service that comes hides its values too', () => {
  const service = { image: 'web:1', env: { KEY: { value: 'geheim' } } };
  const found = differences({ services: {} }, { services: { web: service } }, mayShowOfSpec);
  assert.deepEqual(found, [
    { path: 'services.web.env.KEY.value', after: '(not shown)' },
    { path: 'services.web.image', after: 'web:1' },
  ]);
});
