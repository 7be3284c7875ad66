import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../../../app/parse.ts';
import { FULL, prepared } from '../../../../test/simulation/rendered.ts';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import type { RouterState } from '../../../routing/router-state.ts';
import type { InstanceObservation } from '../../observation.ts';
import type { Pod } from './kinds.ts';
import { expectedRouting, routingLack, servingRouters } from './routing-lack.ts';

const IN_FORCE = prepared(appFromData(FULL));
const EXPECTED = {
  structure: 'two',
  services: { login: { epoch: 7, instances: ['a'] }, pages: { instances: ['p'] } },
};

function server(name: string, up = true): RouterState['services'][string]['servers'][number] {
  return { name, up, draining: false, requests: 0 };
}

const STATE: RouterState = {
  ready: true,
  generation: 'two',
  peers: [],
  pins: 0,
  services: {
    login: { epoch: 7, servers: [server('a')] },
    pages: { servers: [server('p'), server('gone', false)] },
  },
};

test('a router that works by what is published, or by what came after it, lacks nothing', () => {
  assert.equal(routingLack(STATE, EXPECTED), undefined);
  const later = { ...STATE, services: { ...STATE.services, login: { epoch: 8, servers: [server('a')] } } };
  assert.equal(routingLack(later, EXPECTED), undefined);
});

const without = (login: RouterState['services'][string] | undefined): RouterState => ({
  ...STATE,
  services: { pages: STATE.services['pages'] ?? { servers: [] }, ...(login === undefined ? {} : { login }) },
});

for (const [what, state, lack] of [
  ['can’t be asked', undefined, /does not say by what it routes .*8081/],
  ['does not serve', { ...STATE, ready: false }, /does not serve yet/],
  ['has other routes', { ...STATE, generation: 'one' }, /does not have the routes in force yet/],
  ['does not know a service', without(undefined), /epoch 7 of login/],
  ['has no table', without({ servers: [server('a')] }), /epoch 7 of login/],
  [
    'has an older table',
    without({ epoch: 6, servers: [server('a')] }),
    /does not route by epoch 7 of login yet/,
  ],
  ['does not know an instance', without({ epoch: 7, servers: [] }), /does not send requests to a yet/],
  ['can’t reach an instance', without({ epoch: 7, servers: [server('a', false)] }), /requests to a yet/],
] as const)
  test(`a router that ${what} lacks that`, () => {
    assert.match(routingLack(state, EXPECTED) ?? '', lack);
  });

function instance(id: string, service: string, state: InstanceObservation['state']): InstanceObservation {
  const about = { ordinal: 1, incarnation: id, template: '', since: 0, startedAt: 0, host: '', port: 8080 };
  return { id, service, state, ...about, failures: 0, hung: false, signalled: false, failed: false };
}

test('expected are the epoch that is published, and the instances that are ready', () => {
  const instances = [
    instance('b', 'login', 'ready'),
    instance('a', 'login', 'ready'),
    instance('p', 'pages', 'leaving'),
  ];
  assert.deepEqual(
    expectedRouting(IN_FORCE, { login: steadyTable(undefined, 'login', alike(['a'])) }, instances),
    {
      structure: IN_FORCE.structure,
      services: { login: { epoch: 1, instances: ['a', 'b'] }, pages: { instances: [] } },
    },
  );
  assert.deepEqual(expectedRouting(IN_FORCE, {}, []).services, {
    login: { instances: [] },
    pages: { instances: [] },
  });
});

test('where sessions are handed over any epoch will do, but a table there must be', () => {
  const { app } = IN_FORCE;
  const expectedEpoch = (handoff: boolean): number | undefined => {
    const services = app.services.map((service) =>
      service.stateful === undefined ? service : { ...service, stateful: { ...service.stateful, handoff } },
    );
    const first = steadyTable(undefined, 'login', alike(['a']));
    const tables = { login: steadyTable(first, 'login', alike(['a', 'b'])) };
    return expectedRouting({ ...IN_FORCE, app: { ...app, services } }, tables, []).services['login']?.epoch;
  };
  assert.deepEqual([expectedEpoch(true), expectedEpoch(false)], [1, 2]);
});

function pod(name: string, part: string, ready: 'True' | 'False', over: object = {}): Pod {
  const metadata = { name, labels: { 'app.kubernetes.io/name': part }, ...over };
  const status = { conditions: [{ type: 'Ready', status: ready }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: `node-of-${name}` }, status };
}

test('users are sent to routers that are ready, do not end, and are on a node that answers', () => {
  const pods = [
    pod('serves', 'router', 'True'),
    pod('starts', 'router', 'False'),
    pod('ends', 'router', 'True', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    pod('lost', 'router', 'True'),
    pod('login', 'login', 'True'),
  ];
  const serving = servingRouters(pods, new Set(['node-of-lost']));
  assert.deepEqual(
    serving.map(({ metadata }) => metadata.name),
    ['serves'],
  );
});
