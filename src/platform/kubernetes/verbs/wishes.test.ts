import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { appFromData } from '../../../app/parse.ts';
import { restartsOf, scaleOf } from '../memory-store.ts';
import type { AppObject } from '../observe/kinds.ts';
import { restartAnnotations, scaleAnnotations } from './wishes.ts';

const spec = {
  name: 'shop',
  services: { web: { image: 'web:1', instances: { min: 2, max: 5 } }, api: { image: 'api:1' } },
  routes: { '/': 'web', '/api': 'api' },
};
const app = appFromData(spec);

function shop(annotations: Readonly<Record<string, string>> = {}): AppObject {
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop', annotations },
    spec,
  };
}

test('the controller reads the numbers that were asked for', () => {
  const first = shop(scaleAnnotations(shop(), app, { web: 3 }));
  assert.deepEqual(scaleOf(first, [app]), { web: 3 });
  assert.deepEqual(scaleOf(shop(scaleAnnotations(first, app, { api: 4 })), [app]), { web: 3, api: 4 });
});

test('a number outside the bounds of the file is refused in the words of a machine', () => {
  assert.throws(
    () => scaleAnnotations(shop(), app, { web: 6 }),
    new UserError('web can have 2 to 5 instances; change "instances" in the file for 6'),
  );
});

test('a service that there is not is refused', () => {
  const words = new UserError('there is no service "wbe"; there are web, api');
  assert.throws(() => scaleAnnotations(shop(), app, { wbe: 2 }), words);
  assert.throws(() => restartAnnotations(shop(), app, 'wbe'), words);
});

test('each restart is another one', () => {
  const once = shop(restartAnnotations(shop(), app, 'web'));
  assert.deepEqual(restartsOf(once), { web: 1 });
  assert.deepEqual(restartsOf(shop(restartAnnotations(once, app, 'web'))), { web: 2 });
});
