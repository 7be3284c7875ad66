import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import { FULL, NAMESPACE, prepared } from '../../../../test/simulation/rendered.ts';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import type { InstanceObservation } from '../../observation.ts';
import { observeRouter, type RouterInput } from './observe-router.ts';

const IN_FORCE = prepared(appFromData(FULL));
const TABLE = steadyTable(undefined, 'login', alike(['a']));

function seen(over: Partial<RouterInput> = {}): ReturnType<typeof observeRouter> {
  const usual = {
    namespace: NAMESPACE,
    inForce: IN_FORCE,
    tables: { login: TABLE },
    lastEpochs: { login: 1 },
  };
  return observeRouter({ ...usual, deployment: undefined, pods: [], instances: [], ...over });
}

function deployment(availableReplicas: number): NonNullable<RouterInput['deployment']> {
  const metadata = { name: 'shop-router', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: {}, status: { availableReplicas } };
}

test('the routers are ready as soon as one of them is', () => {
  assert.equal(seen().state, 'absent');
  assert.equal(seen({ deployment: deployment(0) }).state, 'starting');
  const { state, structure, url } = seen({ deployment: deployment(1) });
  assert.deepEqual([state, structure, url], ['ready', IN_FORCE.structure, 'https://shop.example']);
});

test('they work by the epoch of the table that is published; services without sessions have none', () => {
  const { backends } = seen();
  assert.deepEqual([backends['login']?.epoch, backends['pages']?.epoch], [1, undefined]);
});

test('after a table was lost, epochs that may have been published and not told of are passed over', () => {
  const { backends } = seen({ tables: {}, lastEpochs: { login: 7 } });
  assert.ok((backends['login']?.epoch ?? 0) > 50);
  assert.equal(
    seen({ tables: {}, lastEpochs: {} }).backends['login']?.epoch,
    undefined,
    'there never was one',
  );
});

test('they know each instance that was ever ready, and how many users one has where that is known', () => {
  const instance = (id: string, state: InstanceObservation['state'], users?: number): InstanceObservation =>
    ({
      id,
      service: 'login',
      state,
      host: '10.0.0.1',
      port: 8080,
      ...(users === undefined ? {} : { users }),
    }) as InstanceObservation;
  const instances = [instance('a', 'ready'), instance('b', 'leaving', 3), instance('c', 'starting')];
  assert.deepEqual(
    seen({ instances }).backends['login']?.servers.map(({ name, up, draining, pins }) => [
      name,
      up,
      draining,
      pins,
    ]),
    [
      ['a', true, false, undefined],
      ['b', false, true, 3],
    ],
  );
});
