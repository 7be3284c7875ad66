import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import { objectChanges } from './object-changes.ts';
import { renderedObjects } from './rendered-objects.ts';

const rendering = {
  namespace: 'shop',
  images: { holdfast: 'holdfast:1', database: 'database:1', pullPolicy: 'IfNotPresent' },
};

function spec(web: object = {}): Record<string, unknown> {
  return {
    name: 'shop',
    services: {
      web: { image: 'web:1', env: { KEY: { generate: 32 }, WORD: { value: 'geheim' } }, ...web },
    },
    database: { topology: 'single' },
    migrations: { image: 'migrations:1' },
  };
}

test('another image changes one Deployment and nothing else', () => {
  assert.deepEqual(objectChanges(spec(), spec({ image: 'web:2' }), rendering), [
    {
      kind: 'Deployment',
      name: 'shop-web',
      change: 'changed',
      differences: [{ path: 'spec.template.spec.containers.web.image', before: 'web:1', after: 'web:2' }],
    },
  ]);
});

test('the order of keys makes no difference', () => {
  const { services, ...rest } = spec();
  assert.deepEqual(objectChanges({ services, ...rest }, spec(), rendering), []);
});

test('values of variables are not told', () => {
  const changes = objectChanges(spec(), spec({ env: { WORD: { value: 'secret' } } }), rendering);
  assert.match(JSON.stringify(changes), /env\.WORD\.value/);
  assert.doesNotMatch(JSON.stringify(changes), /geheim|"secret"/);
});

test('what an App that is not there would bring is made', () => {
  const changes = objectChanges(undefined, spec(), rendering);
  assert.ok(changes.every(({ change }) => change === 'made'));
  assert.ok(changes.some(({ kind }) => kind === 'StatefulSet'));
  assert.ok(changes.some(({ kind }) => kind === 'Job'));
});

test('no value of a Secret is rendered', () => {
  const secrets = renderedObjects(appFromData(spec()), rendering).filter(({ kind }) => kind === 'Secret');
  assert.ok(secrets.length >= 3);
  for (const { data } of secrets as unknown as { data: Record<string, string> }[])
    assert.deepEqual(new Set(Object.values(data)), new Set(['']));
});

test('passwords of the user need not be there to render', () => {
  const own = { ...spec(), database: { topology: 'single', existingSecret: 'mine' } };
  const names = renderedObjects(appFromData(own), rendering).map(({ metadata }) => metadata.name);
  assert.ok(names.includes('shop-urls'));
  assert.ok(!names.includes('mine'));
});
