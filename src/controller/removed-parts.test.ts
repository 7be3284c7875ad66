/** What a release does without: a database, a service; on a simulated cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN } from '../../test/simulation/simulated-kubernetes.ts';
import { Simulation, specOf, type Release } from '../../test/simulation/simulation.ts';

const FIRST: Release = { number: 1, kind: 'good', files: 1, more: false };

function withoutDatabase(image: string): object {
  return {
    name: 'shop',
    services: { pages: { image, instances: { min: 2 } } },
    routes: { '/': 'pages' },
  };
}

async function installed(): Promise<Simulation> {
  const simulation = new Simulation();
  simulation.release(FIRST);
  await simulation.settle();
  return simulation;
}

const hasServer = ({ api }: Simulation): boolean =>
  api.get('StatefulSet', { name: 'shop-database' }) !== undefined;
const hasVolume = ({ api }: Simulation): boolean =>
  api.get('PersistentVolumeClaim', { name: 'data-shop-database-0' }) !== undefined;

test('the server goes when all instances have been replaced, and its volume stays', async () => {
  const simulation = await installed();
  assert.ok(hasServer(simulation) && hasVolume(simulation));
  const next = withoutDatabase('pages:2.1');
  simulation.want(next);
  const [controller] = simulation.controllers;
  for (let n = 0; hasServer(simulation); n += 1) {
    assert.ok(n < 100, 'it goes');
    simulation.tick();
    controller?.catchUp();
    const before = simulation.memory.accepted;
    await controller?.round();
    if (!hasServer(simulation)) assert.deepEqual(before, next);
  }
  await simulation.settle();
  assert.equal(simulation.api.get('Secret', { name: 'shop-database' }) !== undefined, true);
  assert.ok(hasVolume(simulation));
  assert.equal(simulation.condition('Ready')?.status, 'True');
});

test('a release without it that does not get ready leaves the server as it was', async () => {
  const simulation = await installed();
  const server = simulation.api.get('StatefulSet', { name: 'shop-database' })?.metadata.uid;
  simulation.want(withoutDatabase(`pages:${BROKEN}.1`));
  await simulation.settle();
  assert.deepEqual(simulation.memory.inForce, specOf(FIRST));
  assert.equal(simulation.api.get('StatefulSet', { name: 'shop-database' })?.metadata.uid, server);
});

test('a service that a release without it leaves out keeps its instances when that is rolled back', async () => {
  const simulation = await installed();
  const logins = (): string[] =>
    simulation.api
      .all('Pod')
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith('shop-login-'));
  const before = logins();
  simulation.want(withoutDatabase(`pages:${BROKEN}.1`));
  await simulation.settle();
  assert.equal(simulation.condition('RolledBack')?.status, 'True');
  assert.equal(before.length, 2);
  assert.deepEqual(logins(), before);
});
