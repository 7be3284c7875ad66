import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { closedWay, releaseBefore, withImages } from './releases.ts';

const spec = { name: 'shop', services: { web: { image: 'web:1', stop: '5s' }, api: { image: 'api:1' } } };

test('only the named images change', () => {
  assert.deepEqual(withImages(spec, { web: 'web:2' }), {
    name: 'shop',
    services: { web: { image: 'web:2', stop: '5s' }, api: { image: 'api:1' } },
  });
});

test('the image with the migrations can change where there is one', () => {
  const migrating = { ...spec, migrations: { image: 'migrations:1' } };
  assert.deepEqual(withImages(migrating, { migrations: 'migrations:2' }), {
    ...spec,
    migrations: { image: 'migrations:2' },
  });
  assert.throws(() => withImages(spec, { migrations: 'x:2' }), UserError);
});

test('a service that there is not is refused', () => {
  assert.throws(
    () => withImages(spec, { wbe: 'x' }),
    new UserError('there is no service "wbe"; there are web, api'),
  );
});

const past = (image: string): { at: string; spec: unknown } => ({
  at: image,
  spec: { services: { web: { image } } },
});

test('what is gone back to is what was accepted before', () => {
  const history = [past('a'), past('b'), past('c')];
  assert.equal(releaseBefore(history, past('c').spec)?.at, 'b');
  assert.equal(releaseBefore(history, past('a').spec), undefined);
});

test('from a spec that never got ready it goes back to the last that did', () => {
  assert.equal(releaseBefore([past('a'), past('b')], past('nope').spec)?.at, 'b');
  assert.equal(releaseBefore([], past('nope').spec), undefined);
});

test('going back twice ends where it began', () => {
  const history = [past('a'), past('b'), past('a')];
  assert.equal(releaseBefore(history, past('a').spec)?.at, 'b');
});

test('there is no way back to other migrations once the contract is applied', () => {
  const past = { migrations: { image: 'files:1' } };
  const spec = { migrations: { image: 'files:2' } };
  const after = (state: string): object => ({ migrations: { contract: { state, files: ['V5__less.sql'] } } });
  assert.match(closedWay(past, { spec, status: after('applied') }) ?? '', /^V5__less\.sql is applied, so/);
  assert.equal(closedWay(past, { spec, status: after('pending') }), undefined);
  assert.equal(closedWay(past, { spec, status: {} }), undefined);
  assert.equal(closedWay(spec, { spec: { ...spec }, status: after('applied') }), undefined, 'the same files');
});
