import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ObservedServer } from '../../../routing/runtime-replies.ts';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import {
  lacksOwners,
  planRouter,
  serverId,
  wantedServers,
  type RouterStep,
  type RunningRouter,
} from './router-plan.ts';
import type { Endpoint, RecalledView } from './router-view.ts';

const structure = {
  generation: 'g',
  routes: [{ path: '/', service: 'login' }],
  backends: [
    {
      service: 'login',
      readyPath: '/',
      stateful: { key: { kind: 'header' as const, name: 'x-user' }, idleMs: 1 },
    },
    { service: 'web', readyPath: '/' },
  ],
};

function endpoint(name: string, about: Partial<Endpoint> = {}): Endpoint {
  const { terminating = false, serving = true } = about;
  const address = { host: '10.0.0.1', port: 8080 };
  return {
    name,
    uid: `uid-${name}`,
    ...address,
    serving,
    terminating,
    ready: serving && !terminating,
    ...about,
  };
}

function server(
  { name, uid, host, port }: Endpoint,
  admin: ObservedServer['admin'] = 'ready',
): ObservedServer {
  return { name, id: serverId(uid), address: host, port, up: true, admin, currentSessions: 0 };
}

interface Place {
  readonly endpoints?: Readonly<Record<string, readonly Endpoint[]>>;
  readonly servers?: Readonly<Record<string, readonly ObservedServer[]>>;
}

function view({ endpoints = {} }: Place, about: Partial<RecalledView> = {}): RecalledView {
  const remembered = {
    freed: new Map(),
    released: new Set<number>(),
    overdue: new Set<string>(),
    inForce: new Map(),
    isUnsettled: false,
  };
  const seen = { structure, tables: new Map(), endpoints: new Map(Object.entries(endpoints)), peers: [] };
  return { ...seen, ...remembered, ...about };
}

function running({ servers = {} }: Place, about: Partial<RunningRouter> = {}): RunningRouter {
  const backends = {
    login: { epoch: 0, servers: servers['login'] ?? [] },
    web: { servers: servers['web'] ?? [] },
  };
  const unusual = { freed: new Map(), released: new Set<number>(), silent: new Set<string>() };
  return { generation: 'g 0', backends, peers: [], leaving: new Set(), ...unusual, ...about };
}

const steps = (place: Place): string[] => planRouter(view(place), running(place)).map(told);

function told(step: RouterStep): string {
  if (step.kind === 'add') return `add ${step.server.name}`;
  if (step.kind === 'drain' || step.kind === 'remove' || step.kind === 'cut')
    return `${step.kind} ${step.name}`;
  if (step.kind === 'free' || step.kind === 'hold' || step.kind === 'announce')
    return `${step.kind} ${step.ids.join()}`;
  return step.kind;
}

test('a ready endpoint is added, one that is not ready or ends is not', () => {
  const web = [endpoint('a'), endpoint('b', { serving: false }), endpoint('c', { terminating: true })];
  assert.deepEqual(steps({ endpoints: { web } }), ['add a']);
});

test('an instance with sessions that ends is added for the sake of its users', () => {
  const login = [endpoint('a', { terminating: true }), endpoint('b', { terminating: true, serving: false })];
  assert.deepEqual(steps({ endpoints: { login } }), ['add a', 'add b']);
});

test('an endpoint that is no longer ready keeps its place', () => {
  const [known, hidden] = [endpoint('a'), endpoint('a', { serving: false })];
  assert.deepEqual(steps({ endpoints: { web: [hidden] }, servers: { web: [server(known)] } }), []);
});

test('a stateless instance that ends is drained once, one with sessions is not', () => {
  const ends = endpoint('a', { terminating: true });
  assert.deepEqual(steps({ endpoints: { web: [ends] }, servers: { web: [server(ends)] } }), ['drain a']);
  assert.deepEqual(steps({ endpoints: { web: [ends] }, servers: { web: [server(ends, 'drain')] } }), []);
  assert.deepEqual(steps({ endpoints: { web: [ends] }, servers: { web: [server(ends, 'maint')] } }), []);
  assert.deepEqual(steps({ endpoints: { login: [ends] }, servers: { login: [server(ends)] } }), []);
});

test('requests are cut where the checks find a server down and nothing comes from its address', () => {
  const [a, b] = [endpoint('a'), endpoint('b', { host: '10.0.0.2' })];
  const after = (silent: string, about: Partial<ObservedServer>): string[] => {
    const web = [a, b].map((each) => ({ ...server(each), up: false, currentSessions: 1, ...about }));
    const place = { endpoints: { web: [a, b] }, servers: { web } };
    return planRouter(view(place), running(place, { silent: new Set([silent]) })).map(told);
  };
  assert.deepEqual(after(a.host, {}), ['cut a']);
  assert.deepEqual(after('10.0.0.3', {}), []);
  assert.deepEqual(after(a.host, { up: true }), []);
  assert.deepEqual(after(a.host, { currentSessions: 0 }), []);
});

test('that users are let go is told to the other routers before it happens, and once', () => {
  const a = endpoint('a', { terminating: true });
  const place = { endpoints: { login: [] }, servers: { login: [server(a)] } };
  const ids = new Set([serverId(a.uid)]);
  const after = (released: ReadonlySet<number>): string[] =>
    planRouter(view(place, { released: ids }), running(place, { released })).map(told);
  const [id] = ids;
  assert.deepEqual(after(new Set()), [`announce ${id}`, `free ${id}`, 'remove a']);
  assert.deepEqual(after(ids), [`free ${id}`, 'remove a']);
  const statelessOnly = { ...structure, backends: [{ service: 'web', readyPath: '/' }] };
  assert.deepEqual(planRouter(view({}, { structure: statelessOnly, released: ids }), running({})), []);
});

test('what has gone is removed, unless that is under way', () => {
  const place = { servers: { web: [server(endpoint('a'))] } };
  assert.deepEqual(steps(place), ['remove a']);
  assert.deepEqual(planRouter(view(place), running(place, { leaving: new Set(['web/a']) })), []);
});

test('a name that another pod has now is removed before it is added', () => {
  const other = endpoint('a', { uid: 'another' });
  assert.deepEqual(steps({ endpoints: { web: [other] }, servers: { web: [server(endpoint('a'))] } }), [
    'remove a',
  ]);
});

test('an instance with another address is added again', () => {
  const moved = endpoint('a', { host: '10.0.0.2' });
  assert.deepEqual(steps({ endpoints: { web: [moved] }, servers: { web: [server(endpoint('a'))] } }), [
    'add a',
  ]);
});

test('a newer table waits until all its owners are there and not down, but not too long; an older one is never published', () => {
  const place = { endpoints: { login: [endpoint('a')] } };
  const tables = new Map([['login', steadyTable(undefined, 'login', alike(['a']))]]);
  assert.deepEqual(planRouter(view(place, { tables }), running(place)).map(told), ['add a']);
  const overdue = new Set(['login']);
  assert.deepEqual(planRouter(view(place, { tables, overdue }), running(place)).map(told), [
    'add a',
    'publish',
  ]);
  const at = (about: Partial<ObservedServer>) => ({ login: [{ ...server(endpoint('a')), ...about }] });
  const withServer = (about: Partial<ObservedServer>): string[] =>
    planRouter(view(place, { tables }), running({ servers: at(about) })).map(told);
  assert.deepEqual(withServer({}), ['publish']);
  assert.deepEqual(withServer({ up: false }), []);
  const newer = { login: { epoch: 2, servers: [server(endpoint('a'))] }, web: { servers: [] } };
  assert.deepEqual(planRouter(view(place, { tables }), running(place, { backends: newer })), []);
});

test('a newer table waits for its owners as long as the one in force can be followed, and no longer', () => {
  const first = steadyTable(undefined, 'login', alike(['a']));
  const tables = new Map([['login', steadyTable(first, 'login', alike(['a', 'b']))]]);
  const about = { tables, overdue: new Set(['login']), inForce: new Map([['login', first]]) };
  const place = { endpoints: { login: [endpoint('a')] } };
  const after = (a: Partial<ObservedServer>): [string[], boolean] => {
    const login = { epoch: first.epoch, servers: [{ ...server(endpoint('a')), ...a }] };
    const present = running(place, { backends: { login, web: { servers: [] } } });
    const known = view(place, about);
    return [planRouter(known, present).map(told), lacksOwners(known, present)];
  };
  assert.deepEqual(after({}), [[], true]);
  assert.deepEqual(after({ up: false }), [['publish'], true]);
});

test('a newer table does not wait for whoever has copies only', () => {
  const table = steadyTable(undefined, 'login', alike(['a']));
  const tables = new Map([['login', { ...table, owners: ['a', 'gone'] }]]);
  const place = { servers: { login: [server(endpoint('a'))] }, endpoints: { login: [endpoint('a')] } };
  assert.deepEqual(planRouter(view(place, { tables }), running(place)).map(told), ['publish']);
});

test('where sessions are handed over nothing is said of pins, and other routers do not matter', () => {
  const backends = structure.backends.map((backend) =>
    backend.stateful === undefined ? backend : { ...backend, stateful: { ...backend.stateful, pins: false } },
  );
  const peers = [{ name: 'other', host: '10.0.0.9', serving: true }];
  const place = { servers: { login: [server(endpoint('a'))] } };
  const seen = view(place, { structure: { ...structure, backends }, peers });
  assert.deepEqual(planRouter(seen, running(place)).map(told), ['remove a']);
});

test('pins stop counting before a server with sessions loses its place, and count again when it has one', () => {
  const [a, b] = [endpoint('a'), endpoint('b')];
  const [idA, idB] = [serverId(a.uid), serverId(b.uid)];
  const place = { endpoints: { login: [b] }, servers: { login: [server(a), server(b)] } };
  assert.deepEqual(planRouter(view(place), running(place)).map(told), [`free ${idA}`, 'remove a']);
  const freed = new Map([['login', new Set([idA])]]);
  const leaving = new Set(['login/a']);
  assert.deepEqual(planRouter(view(place), running(place, { freed, leaving })), [], 'while it goes');
  const gone = { ...place, servers: { login: [server(b)] } };
  assert.deepEqual(
    planRouter(view(gone, { freed }), running(gone, { freed })),
    [],
    'as long as it is remembered',
  );
  assert.deepEqual(planRouter(view(gone), running(gone, { freed })).map(told), [`hold ${idA}`]);
  const back = { endpoints: { login: [a, b] }, servers: { login: [server(b)] } };
  const both = new Map([['login', new Set([idA, idB])]]);
  const held = planRouter(view(back, { freed }), running(back, { freed: both })).map(told);
  assert.deepEqual([held[0]?.startsWith('hold '), held[1]], [true, 'add a']);
});

test('another structure and a new peer need a reload, a peer that has gone does not', () => {
  const peers = [{ name: 'r-2', host: 'fd00::2', serving: true }];
  const known = [{ name: 'r-2', address: '[fd00::2]:1024' }];
  const reload = [{ kind: 'reload' }];
  assert.deepEqual(planRouter(view({}), running({}, { generation: 'h 0' })), reload);
  assert.deepEqual(planRouter(view({}, { peers }), running({})), reload);
  assert.deepEqual(planRouter(view({}, { peers }), running({}, { peers: known })), []);
  assert.deepEqual(planRouter(view({}), running({}, { peers: known })), []);
  const moved = [{ name: 'r-2', address: '[fd00::3]:1024' }];
  assert.deepEqual(planRouter(view({}, { peers }), running({}, { peers: moved })), reload);
});

test('what a HAProxy that cannot reload yet is able to do is not held up', () => {
  const [a, gone] = [endpoint('a'), endpoint('gone')];
  const place = { endpoints: { login: [a] }, servers: { login: [server(a), server(gone)] } };
  const id = serverId(gone.uid);
  const freed = new Map([['login', new Set<number>()]]);
  const released = new Set([id]);
  const peers = [{ name: 'r-2', host: '10.0.0.2', serving: true }];
  const before = planRouter(view(place, { peers, released }), running(place, { freed })).map(told);
  assert.deepEqual(before, ['reload', `announce ${id}`, `free ${id}`, 'remove gone']);
  const other = (about: Partial<RunningRouter>): string[] =>
    planRouter(view(place, { released }), running(place, { generation: 'h 0', ...about })).map(told);
  assert.deepEqual(other({ freed }), ['reload', `announce ${id}`, `free ${id}`]);
  assert.deepEqual(other({}), ['reload', `announce ${id}`], 'it may have no such service');
});

test('without services that keep sessions nobody shares pins', () => {
  const stateless = { ...structure, backends: structure.backends.slice(1) };
  const peers = [{ name: 'r-2', host: '10.0.0.2', serving: true }];
  assert.deepEqual(planRouter(view({}, { structure: stateless, peers }), running({})), []);
});

test('ids are the same everywhere and within what HAProxy takes', () => {
  assert.equal(
    serverId('4b5c8f9e-7e0a-4c58-9c2f-0d6a7a6b3c11'),
    serverId('4b5c8f9e-7e0a-4c58-9c2f-0d6a7a6b3c11'),
  );
  fc.assert(
    fc.property(fc.uuid(), (uid) => {
      const id = serverId(uid);
      return Number.isInteger(id) && id >= 1 && id < 2 ** 31 - 1;
    }),
  );
});

test('of two instances with one id the one that has a place keeps it', () => {
  const [first, second] = [endpoint('a', { uid: 'same' }), endpoint('b', { uid: 'same' })];
  const wanted = wantedServers(
    view({ endpoints: { web: [first, second] } }),
    { service: 'web', readyPath: '/' },
    [server(second)],
  );
  assert.deepEqual(
    [wanted.servers.map(({ name }) => name), wanted.refused.map(({ name }) => name)],
    [['b'], ['a']],
  );
});

const anyEndpoint = fc
  .record({ name: fc.constantFrom('a', 'b', 'c', 'd'), serving: fc.boolean(), terminating: fc.boolean() })
  .map(({ name, ...about }) => endpoint(name, about));
const endpoints = fc.uniqueArray(anyEndpoint, { selector: ({ name }) => name });

/** HAProxy after the steps, as far as servers go. */
function applied(before: readonly ObservedServer[], done: readonly RouterStep[]): ObservedServer[] {
  const after = new Map(before.map((each) => [each.name, each]));
  for (const step of done) {
    if (step.kind === 'remove') after.delete(step.name);
    if (step.kind === 'add')
      after.set(step.server.name, server({ ...endpoint(step.server.name), uid: `uid-${step.server.name}` }));
    const place = step.kind === 'drain' ? after.get(step.name) : undefined;
    if (place !== undefined) after.set(place.name, { ...place, admin: 'drain' });
  }
  return [...after.values()];
}

test('a plan that was carried out leaves nothing to do, whatever there was before', () => {
  fc.assert(
    fc.property(endpoints, endpoints, fc.constantFrom('login', 'web'), (had, has, service) => {
      const before = {
        endpoints: { [service]: has },
        servers: { [service]: had.map((each) => server(each)) },
      };
      const done = planRouter(view(before), running(before));
      const after = { ...before, servers: { [service]: applied(before.servers[service] ?? [], done) } };
      assert.deepEqual(planRouter(view(after), running(after)), []);
    }),
  );
});
