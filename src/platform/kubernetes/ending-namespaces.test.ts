import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeApiError } from './api/kube-error.ts';
import { EndingNamespaces } from './ending-namespaces.ts';

const APP = { key: 'team/shop', uid: 'uid-1' };

function refused(cause: string): KubeApiError {
  const details = { causes: [{ reason: cause, field: 'metadata.namespace', message: 'it ends' }] };
  return new KubeApiError('create Secret team/shop-urls', 403, { reason: 'Forbidden', details });
}

/** What happens when it is looked at an application again and again while its namespace is being removed. */
function watched(): {
  readonly time: { now: number };
  readonly told: string[];
  readonly looks: string[];
  readonly ask: (app: { key: string; uid: string | undefined }, error?: Error) => Promise<number | undefined>;
} {
  const time = { now: 0 };
  const told: string[] = [];
  const looks: string[] = [];
  const ending = new EndingNamespaces({ now: () => time.now, tell: (app) => told.push(app) });
  const ask = (app: { key: string; uid: string | undefined }, error?: Error): Promise<number | undefined> =>
    ending.look(app, () => {
      looks.push(app.key);
      return error === undefined ? Promise.resolve(300) : Promise.reject(error);
    });
  return { time, told, looks, ask };
}

test('an application whose namespace is being removed is left alone for a while, and told of once', async () => {
  const { time, told, looks, ask } = watched();
  assert.equal(await ask(APP, refused('NamespaceTerminating')), 10_000);
  time.now = 4_000;
  assert.equal(await ask(APP), 6_000);
  assert.equal(looks.length, 1);
  time.now = 10_000;
  assert.equal(await ask(APP, refused('NamespaceTerminating')), 10_000);
  assert.deepEqual([looks.length, told], [2, ['team/shop']]);
});

test('one of the same name in a new namespace is looked at at once', async () => {
  const { ask } = watched();
  await ask(APP, refused('NamespaceTerminating'));
  assert.equal(await ask({ ...APP, uid: 'uid-2' }), 300);
});

test('other refusals are not about the namespace', async () => {
  const { ask } = watched();
  await assert.rejects(ask(APP, refused('Other')), /403 Forbidden/);
  assert.equal(await ask(APP), 300);
});
