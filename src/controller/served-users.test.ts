/** `Ready` means that users are served: on a simulated cluster whose routers take their time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Simulation, type Release } from '../../test/simulation/simulation.ts';

const FIRST: Release = { number: 1, kind: 'good', files: 1, more: false };
const SECOND: Release = { number: 2, kind: 'good', files: 1, more: true };

/** Rounds with a tick each until something is so. */
async function rounds(
  simulation: Simulation,
  isOver: () => boolean,
  each: () => void = () => undefined,
): Promise<void> {
  const [controller] = simulation.controllers;
  for (let n = 0; !isOver(); n += 1) {
    assert.ok(n < 100, 'it comes about');
    controller?.catchUp();
    await controller?.round();
    each();
    simulation.tick();
  }
}

const isReady = (simulation: Simulation): boolean => simulation.condition('Ready')?.status === 'True';

function checkServed(simulation: Simulation): void {
  if (!isReady(simulation)) return;
  const { generation, services } = simulation.routers.published() ?? {};
  const states = simulation.routers.ready.map((router) => simulation.routers.state(router));
  assert.ok(states.length > 0, 'a router is ready');
  for (const state of states) assert.deepEqual([state?.generation, state?.services], [generation, services]);
}

test('whenever an application is ready, every router works by what is published', async () => {
  const simulation = new Simulation();
  simulation.release(FIRST);
  await rounds(
    simulation,
    () => isReady(simulation),
    () => checkServed(simulation),
  );
  simulation.release(SECOND);
  await rounds(
    simulation,
    () => !isReady(simulation),
    () => checkServed(simulation),
  );
  await rounds(
    simulation,
    () => isReady(simulation),
    () => checkServed(simulation),
  );
});

test('a router that does not take up a table is named, with what it lacks', async () => {
  const simulation = new Simulation();
  simulation.release(FIRST);
  await simulation.settle();
  const [router] = simulation.routers.ready;
  assert.ok(router);
  simulation.routers.stuck.add(router.metadata.name);
  simulation.api.remove('ConfigMap', { name: 'shop-login-owners' });
  const words = new RegExp(`^router: ${router.metadata.name} does not route by epoch \\d+ of login yet$`);
  await rounds(simulation, () => words.test(simulation.condition('Reconciling')?.message ?? ''));
  assert.equal(isReady(simulation), false);
  simulation.routers.stuck.clear();
  await rounds(simulation, () => isReady(simulation));
});

test('at rest routers are not asked, and a new one is', async () => {
  const simulation = new Simulation();
  simulation.release(FIRST);
  await simulation.settle();
  const { routers, api } = simulation;
  const before = routers.questions;
  await simulation.settle();
  assert.equal(routers.questions, before);
  const [router] = routers.ready;
  assert.ok(router);
  api.remove('Pod', router.metadata);
  await simulation.settle();
  assert.ok(routers.questions > before);
  assert.equal(isReady(simulation), true);
});

test('without a router that is ready nobody is served', async () => {
  const simulation = new Simulation();
  simulation.release(FIRST);
  await simulation.settle();
  const { api } = simulation;
  for (const router of simulation.routers.ready) {
    const pod = api.get('Pod', router.metadata);
    assert.ok(pod);
    api.change(pod, { status: { ...router.status, conditions: [{ type: 'Ready', status: 'False' }] } });
  }
  const [controller] = simulation.controllers;
  controller?.catchUp();
  await controller?.round();
  assert.equal(isReady(simulation), false);
  assert.equal(simulation.condition('Reconciling')?.message, 'router: no router is ready');
});
