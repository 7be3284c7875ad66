import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseApp } from '../app/parse.ts';
import type {
  BackendObservation,
  InstanceObservation,
  Observation,
  RoutedServer,
  RouterObservation,
} from '../platform/observation.ts';
import type { Prepared } from '../platform/platform.ts';
import { partOf, type AdmitStep, type MachineStep } from '../platform/step.ts';
import { ownerOf, slotCounts, SLOTS, type OwnerTable } from '../routing/owner-table.ts';
import { alike } from '../routing/tables/member.ts';
import { steadyTable } from '../routing/tables/steady.ts';
import type { Desired } from './desired.ts';
import type { PhaseInput } from './phase.ts';
import { isSettled, MACHINE_PHASES, plan } from './plan.ts';

const app = parseApp(
  `name: test
services:
  login: { run: x, stateful: { key: { header: x-user }, drain: 60s } }
  pages: { run: y }
routes: { /login: login, /: pages }
database: { topology: single }
migrations: {}
`,
  'holdfast.yaml',
);

const wanted: Prepared = {
  app,
  templates: { login: 'l1', pages: 'p1' },
  migrationSet: 'set1',
  structure: 's1',
};

const NOW = 1_000_000;
const absentRouter: RouterObservation = { state: 'absent', since: NOW, backends: {} };

function observation(over: Partial<Observation> = {}): Observation {
  return {
    now: NOW,
    database: { state: 'ready' },
    migrations: { state: 'applied', set: 'set1', applied: 1, pending: 0 },
    instances: [],
    router: absentRouter,
    ...over,
  };
}

function input(
  observed: Observation,
  over: Partial<Desired> = {},
  tables: PhaseInput['tables'] = {},
): PhaseInput {
  return { desired: { wanted, inForce: wanted, scale: {}, ...over }, observed, tables };
}

function kinds(from: PhaseInput): string[] {
  return plan(MACHINE_PHASES, from).flatMap((phase) =>
    phase.steps.map((step) => `${step.kind} ${partOf(step)}`),
  );
}

test('at first only the database is started', () => {
  const nothing = observation({
    database: { state: 'absent' },
    migrations: { state: 'unknown', applied: 0, pending: 1 },
  });
  assert.deepEqual(kinds({ ...input(nothing), desired: { wanted, scale: {} } }), ['start-database database']);
});

test('migrations wait for the database, and services for the migrations', () => {
  const before = { desired: { wanted, scale: {} }, tables: {} };
  const pending = { state: 'unknown', applied: 0, pending: 1 } as const;
  const starting = observation({ database: { state: 'starting' }, migrations: pending });
  assert.deepEqual(kinds({ ...before, observed: starting }), []);
  assert.deepEqual(kinds({ ...before, observed: observation({ migrations: pending }) }), [
    'migrate migrations',
  ]);
  const running = observation({ migrations: { ...pending, state: 'running', set: 'set1' } });
  assert.deepEqual(kinds({ ...before, observed: running }), []);
  assert.deepEqual(kinds({ ...before, observed: observation() }), ['admit migrations']);
});

test('once in force, services and the router start together', () => {
  assert.deepEqual(kinds(input(observation())), [
    'start-instance login-1',
    'start-instance login-2',
    'start-instance pages-1',
    'start-instance pages-2',
    'start-router router',
  ]);
});

test('migrations that are held keep what is in force, also where it dies', () => {
  const next: Prepared = { ...wanted, templates: { login: 'l2', pages: 'p2' }, migrationSet: 'set2' };
  const held = observation({
    migrations: { state: 'held', set: 'set2', applied: 1, pending: 1, problem: 'V2 failed' },
    instances: [
      instance('login', 1, 'ready', { template: 'l1' }),
      instance('login', 2, 'dead', { template: 'l1' }),
      ...[1, 2].map((n) => instance('pages', n, 'ready', { template: 'p1' })),
    ],
  });
  const steps = kinds(input(held, { wanted: next }));
  assert.deepEqual(steps, ['start-instance login-2', 'start-router router']);
  assert.ok(!isSettled(plan(MACHINE_PHASES, input(held, { wanted: next }))));
});

test('while the database is away no instance is started, and none is ended', () => {
  const away = observation({ database: { state: 'unready' }, instances: [instance('pages', 1, 'ready')] });
  assert.deepEqual(kinds(input(away)), ['start-router router']);
});

test('services that the file no longer names are ended', () => {
  const gone = observation({ instances: [instance('mail', 1, 'ready'), instance('mail', 2, 'dead')] });
  const steps = kinds(input(gone)).filter((step) => step.includes('mail'));
  assert.deepEqual(steps, ['stop-instance mail-1', 'forget-instance mail-2']);
});

test('an instance that came back under its name is taken out of the router first', () => {
  const router = routerWith({ login: [server('login-1', 20_001)] });
  const back = observation({ router, instances: [instance('login', 1, 'ready', { port: 29_999 })] });
  assert.ok(kinds(input(back)).includes('unroute-instance login-1'));
});

test('an instance that does not answer keeps its users; one that died loses them at once', () => {
  const table = steadyTable(undefined, 'login', alike(['login-1', 'login-2']));
  const router = routerWith({ login: [server('login-1'), server('login-2')] }, table.epoch);
  const published = (state: InstanceObservation['state']): OwnerTable | undefined => {
    const instances = [instance('login', 1, state), instance('login', 2, 'ready')];
    const steps = plan(
      MACHINE_PHASES,
      input(observation({ router, instances }), {}, { login: table }),
    ).flatMap((p) => p.steps);
    return steps.flatMap((step) => (step.kind === 'publish-table' ? [step.table] : []))[0];
  };
  assert.equal(published('unready'), undefined);
  assert.deepEqual(published('dead')?.owners, ['login-2']);
  assert.deepEqual(published('leaving')?.owners, ['login-2']);
});

test('a router that works by an older table is told the one in force', () => {
  const first = steadyTable(undefined, 'login', alike(['login-1']));
  const table = steadyTable(first, 'login', alike(['login-1', 'login-2']));
  const router = routerWith({ login: [server('login-1'), server('login-2')] }, first.epoch);
  const instances = [1, 2].map((n) => instance('login', n, 'ready'));
  const steps = plan(MACHINE_PHASES, input(observation({ router, instances }), {}, { login: table })).flatMap(
    (p) => p.steps,
  );
  assert.ok(steps.some((step) => step.kind === 'publish-table' && step.table === table));
});

test('a new instance of a service that warms up is given its users by steps, as time passes', () => {
  const slow = parseApp(
    'name: test\nservices:\n  login: { run: x, stateful: { key: { header: u }, warmup: 60s } }\nroutes: { /: login }\n',
    'holdfast.yaml',
  );
  const before = steadyTable(undefined, 'login', alike(['login-1', 'login-2']));
  const servers = ['login-1', 'login-2', 'login-3'].map((name) => server(name));
  const planned = (since: number, table: OwnerTable): { table: OwnerTable; reason: string } | undefined => {
    const observed = observation({
      instances: [
        instance('login', 1, 'ready', { since: 0, startedAt: 0 }),
        instance('login', 2, 'unready', { since: NOW }),
        instance('login', 3, 'ready', { since }),
      ],
      router: routerWith({ login: servers }, table.epoch),
    });
    const prepared: Prepared = { app: slow, templates: { login: 'l1' }, structure: 's1' };
    const desired = { wanted: prepared, inForce: prepared, scale: { login: 3 } };
    const phases = plan(MACHINE_PHASES, input(observed, desired, { login: table }));
    return phases.flatMap(({ steps }) => steps).find((step) => step.kind === 'publish-table');
  };
  const first = planned(NOW, before) ?? assert.fail('it gets its first users');
  assert.equal(first.reason, '3 owners, login-3 at 10 %');
  assert.equal(planned(NOW - 1_000, first.table), undefined, 'it is too early for more');
  const second = planned(NOW - 30_000, first.table) ?? assert.fail('it gets more');
  assert.equal(second.reason, '3 owners, login-3 at 50 %');
  const last = planned(NOW - 60_000, second.table) ?? assert.fail('it gets the rest');
  assert.equal(last.reason, '3 owners');
  const counts = slotCounts(last.table);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
  assert.equal(planned(NOW - 90_000, last.table), undefined);
});

test('a leaving instance is not ended while a router may still send new users to it', () => {
  const table = steadyTable(undefined, 'login', alike(['login-1', 'login-2']));
  const old = { ...table, epoch: table.epoch + 1, owners: ['login-1', 'login-2'] };
  const servers = [server('login-1'), server('login-2'), server('login-3', undefined, { pins: 0 })];
  const instances = [
    ...[1, 2].map((n) => instance('login', n, 'ready')),
    instance('login', 3, 'leaving', { leaveBy: NOW + 60_000 }),
  ];
  const stops = (epoch: number): boolean =>
    kinds(
      input(observation({ router: routerWith({ login: servers }, epoch), instances }), {}, { login: old }),
    ).includes('stop-instance login-3');
  assert.equal(stops(table.epoch), false);
  assert.equal(stops(old.epoch), true);
});

test('a router that runs but does not answer may have users at a leaving instance', () => {
  const leaving = instance('login', 3, 'leaving', { leaveBy: NOW + 60_000 });
  const instances = [...[1, 2].map((n) => instance('login', n, 'ready')), leaving];
  const frozen = observation({ router: { ...absentRouter, state: 'starting' }, instances });
  assert.ok(!kinds(input(frozen)).includes('stop-instance login-3'));
});

test('a new certificate is shown by a router that has the structure in force; another takes it over with that', () => {
  const router = { ...routerWith({}), hasNewCertificate: true };
  assert.ok(kinds(input(observation({ router }))).some((kind) => kind.startsWith('renew-certificate')));
  const other = { ...router, structure: 's0' };
  assert.ok(
    !kinds(input(observation({ router: other }))).some((kind) => kind.startsWith('renew-certificate')),
  );
});

test('a router that is ahead of the stored tables gets a table of an epoch that was not used', () => {
  const router = routerWith({ login: [server('login-1'), server('login-2')] }, 5);
  const instances = [1, 2].map((n) => instance('login', n, 'ready'));
  const steps = plan(MACHINE_PHASES, input(observation({ router, instances }))).flatMap((p) => p.steps);
  assert.ok(steps.some((step) => step.kind === 'publish-table' && step.table.epoch === 6));
});

function instance(
  service: string,
  ordinal: number,
  state: InstanceObservation['state'],
  more: Partial<InstanceObservation> = {},
): InstanceObservation {
  return {
    id: `${service}-${ordinal}`,
    service,
    ordinal,
    incarnation: 'first',
    template: wanted.templates[service] ?? '',
    state,
    since: NOW - 1_000,
    startedAt: NOW - 1_000,
    host: '127.0.0.1',
    port: 20_000 + ordinal,
    failures: 0,
    hung: false,
    signalled: false,
    failed: false,
    ...more,
  };
}

function server(name: string, port?: number, more: Partial<RoutedServer> = {}): RoutedServer {
  const ordinal = Number(name.split('-')[1]);
  return {
    name,
    host: '127.0.0.1',
    port: port ?? 20_000 + ordinal,
    up: true,
    draining: false,
    requests: 0,
    ...more,
  };
}

function routerWith(servers: Record<string, RoutedServer[]>, epoch?: number): RouterObservation {
  const backends = Object.entries(servers).map(([service, list]): [string, BackendObservation] => [
    service,
    { servers: list, ...(epoch === undefined ? {} : { epoch }) },
  ]);
  return { ...absentRouter, state: 'ready', structure: 's1', backends: Object.fromEntries(backends) };
}

/**
 * A machine in memory that carries out what is planned, a step or a few at a time, and in which things
 * die. Sessions are simulated: a user's first request opens one at whoever the router would choose.
 */
class SimulatedMachine {
  now = NOW;
  tables: Record<string, OwnerTable> = {};
  #instances = new Map<string, InstanceObservation>();
  #router: RouterObservation = absentRouter;
  #lives = 0;

  observe(): Observation {
    return observation({ now: this.now, instances: [...this.#instances.values()], router: this.#router });
  }

  apply(step: AdmitStep | MachineStep): void {
    switch (step.kind) {
      case 'start-instance': {
        const id = `${step.service}-${step.ordinal}`;
        const port = 20_000 + ++this.#lives;
        const { templates } = wanted;
        const life = {
          port,
          startedAt: this.now,
          incarnation: `${port}`,
          template: templates[step.service] ?? '',
        };
        this.#instances.set(id, instance(step.service, step.ordinal, 'starting', life));
        return;
      }
      case 'retire-instance':
        return this.#change(step.id, { state: 'leaving', leaveBy: step.leaveBy });
      case 'rejoin-instance':
        return this.#change(step.id, { state: 'ready' });
      case 'stop-instance':
      case 'kill-instance':
        return this.kill(step.id);
      case 'forget-instance':
        this.#instances.delete(step.id);
        return;
      case 'start-router':
      case 'reload-router': {
        const list = (service: string): RoutedServer[] =>
          [...this.#instances.values()]
            .filter((i) => i.service === service && i.state === 'ready')
            .map((i) => server(i.id, i.port));
        this.#router = routerWith({ login: list('login'), pages: list('pages') });
        return;
      }
      case 'route-instance':
        return this.#servers(step.service, (servers) => {
          const port = this.#instances.get(step.id)?.port;
          return [...servers.filter((s) => s.name !== step.id), server(step.id, port)];
        });
      case 'unroute-instance':
        return this.#servers(step.service, (servers) => servers.filter((s) => s.name !== step.id));
      case 'drain-instance':
      case 'undrain-instance':
        return this.#servers(step.service, (servers) =>
          servers.map((s) => (s.name === step.id ? { ...s, draining: step.kind === 'drain-instance' } : s)),
        );
      case 'hand-over':
      case 'tell-table':
        throw new Error('no service here hands sessions over');
      case 'publish-table': {
        const before = this.tables[step.table.service]?.epoch ?? 0;
        assert.ok(step.table.epoch >= before, 'an epoch never goes back');
        this.tables[step.table.service] = step.table;
        const backend = this.#router.backends[step.table.service];
        if (backend === undefined) return;
        const backends = {
          ...this.#router.backends,
          [step.table.service]: { ...backend, epoch: step.table.epoch },
        };
        this.#router = { ...this.#router, backends };
        return;
      }
      case 'start-database':
      case 'migrate':
      case 'contract':
      case 'renew-certificate':
      case 'admit':
    }
  }

  kill(id: string): void {
    this.#change(id, { state: 'dead', since: this.now });
  }

  killRouter(): void {
    this.#router = absentRouter;
  }

  /** Time passes: what starts gets ready, and leaving instances' pins are counted. */
  pass(ms: number): void {
    this.now += ms;
    for (const i of this.#instances.values())
      if (i.state === 'starting') this.#change(i.id, { state: 'ready' });
    const leaving = new Set(
      [...this.#instances.values()].filter((i) => i.state === 'leaving').map((i) => i.id),
    );
    this.#servers('login', (servers) => servers.map((s) => (leaving.has(s.name) ? { ...s, pins: 0 } : s)));
  }

  /** Where the router sends a user of the login service; undefined is 503. */
  serves(key: string): InstanceObservation | undefined {
    const table = this.tables['login'];
    const owner = table === undefined ? undefined : ownerOf(table, key);
    const known = this.#router.backends['login']?.servers.find((s) => s.name === owner);
    const found = [...this.#instances.values()].find((i) => i.id === owner);
    return known !== undefined && found?.port === known.port && found.state !== 'dead' ? found : undefined;
  }

  #change(id: string, change: Partial<InstanceObservation>): void {
    const known = this.#instances.get(id);
    if (known !== undefined) this.#instances.set(id, { ...known, ...change });
  }

  #servers(service: string, change: (servers: readonly RoutedServer[]) => RoutedServer[]): void {
    const backend = this.#router.backends[service];
    if (backend === undefined) return;
    const backends = {
      ...this.#router.backends,
      [service]: { ...backend, servers: change(backend.servers) },
    };
    this.#router = { ...this.#router, backends };
  }
}

const fault = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'none' } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), index: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'kill-router' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('scale' as const), count: fc.integer({ min: 2, max: 6 }) }),
  },
);

function injure(machine: SimulatedMachine, event: { kind: string; index?: number }): void {
  if (event.kind === 'kill-router') return machine.killRouter();
  if (event.kind !== 'kill') return;
  const { instances } = machine.observe();
  machine.kill(instances[(event.index ?? 0) % Math.max(1, instances.length)]?.id ?? '');
}

test('through kills of instances and router and changes of scale, cut off anywhere, it ends as wanted', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fault, fc.nat(5)), { maxLength: 40 }), (history) => {
      const machine = new SimulatedMachine();
      let scale: Record<string, number> = {};
      const round = (most: number): boolean => {
        const phases = plan(MACHINE_PHASES, input(machine.observe(), { scale }, machine.tables));
        for (const step of phases.flatMap((phase) => phase.steps).slice(0, most)) machine.apply(step);
        machine.pass(1_000);
        return isSettled(phases);
      };
      for (const [event, most] of history) {
        round(most);
        if (event.kind === 'scale') scale = { login: event.count };
        else injure(machine, event);
      }
      let rounds = 0;
      while (!round(Infinity)) assert.ok(++rounds < 60, 'it settles');
      const { instances } = machine.observe();
      const logins = instances.filter((i) => i.service === 'login');
      assert.equal(logins.length, scale['login'] ?? 2);
      assert.ok(instances.every((i) => i.state === 'ready'));
      const counts = slotCounts(machine.tables['login'] ?? assert.fail('there is a table'));
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, 'users are spread evenly');
      assert.equal(
        counts.reduce((a, b) => a + b),
        SLOTS,
      );
      for (const user of ['alice', 'bob', 'carol']) assert.ok(machine.serves(user), `${user} is served`);
    }),
    { numRuns: Number(process.env['HOLDFAST_RUNS'] ?? 100) },
  );
});

test('the simulation notices a plan that forgets to publish the table', () => {
  const machine = new SimulatedMachine();
  for (let i = 0; i < 20; i++) {
    const steps = plan(MACHINE_PHASES, input(machine.observe(), {}, machine.tables)).flatMap(
      (phase) => phase.steps,
    );
    for (const step of steps.filter((s) => s.kind !== 'publish-table')) machine.apply(step);
    machine.pass(1_000);
  }
  assert.equal(machine.serves('alice'), undefined);
});
