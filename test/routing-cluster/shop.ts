/** An application for the tests: `login` keeps sessions, `web` does not; two routers may serve it. */
import { TestInstance } from '../support/haproxy.ts';
import type { PublishedStructure } from '../../src/routing/published-structure.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import type { OwnerTable } from '../../src/routing/owner-table.ts';
import { ClusterRouter, type RouterAt } from './cluster-router.ts';
import { FakeApi, ownersMap, slice, structureMap, type Pod } from './fake-api.ts';
import { loopback } from './loopback.ts';

export const STRUCTURE: PublishedStructure = {
  generation: 'g-1',
  routes: [
    { path: '/login', service: 'login' },
    { path: '/', service: 'web' },
  ],
  backends: [
    {
      service: 'login',
      readyPath: '/ready',
      stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000 },
    },
    { service: 'web', readyPath: '/ready' },
  ],
};

export class Shop {
  readonly api = new FakeApi();
  readonly #resources = new AsyncDisposableStack();
  table: OwnerTable | undefined;

  constructor() {
    this.api.set(structureMap(STRUCTURE));
  }

  /** How long an unused session lives; ms. Set it before routers start. */
  set idleMs(idleMs: number) {
    const backends = STRUCTURE.backends.map((backend) =>
      backend.stateful === undefined ? backend : { ...backend, stateful: { ...backend.stateful, idleMs } },
    );
    this.api.set(structureMap({ ...STRUCTURE, backends }));
  }

  /** Users are to come by HTTPS, with the certificate of this Secret. */
  secure(secret: string): void {
    this.api.set(structureMap({ ...STRUCTURE, generation: `g-${secret}`, tls: { secret } }));
  }

  /** Starts an instance and shows it to the routers. */
  async instance(service: string, name: string, about: Partial<Pod> = {}): Promise<TestInstance> {
    const instance = await new TestInstance(name).start();
    this.#resources.defer(() => instance.crash());
    this.show(service, instance, about);
    return instance;
  }

  show(service: string, { name, port }: Pick<TestInstance, 'name' | 'port'>, about: Partial<Pod> = {}): void {
    this.api.set(slice(service, { name, port, ...about }));
  }

  /** The pod has vanished from what Kubernetes tells. */
  gone(service: string, name: string): void {
    this.api.remove('EndpointSlice', `${service}-${name}`);
  }

  /** Publishes the next table of `login`. */
  own(...owners: string[]): OwnerTable {
    this.table = steadyTable(this.table, 'login', alike(owners));
    this.publish(this.table);
    return this.table;
  }

  publish(table: OwnerTable): void {
    this.api.set(ownersMap(table));
  }

  /** A router at the N-th address, which the others see at once. */
  async router(n: number, about: Partial<RouterAt> = {}): Promise<ClusterRouter> {
    const at = { name: `router-${n}`, host: loopback(n), api: this.api, ...about };
    this.api.set(slice('routers', { name: at.name, host: at.host, ready: false }));
    const router = await ClusterRouter.start(at);
    this.#resources.defer(() => router.close());
    return router;
  }

  /** A router that is ready, as the others see too. */
  async readyRouter(n: number, about: Partial<RouterAt> = {}): Promise<ClusterRouter> {
    const router = await (await this.router(n, about)).untilReady();
    this.api.set(slice('routers', { name: router.name, host: router.host }));
    return router;
  }

  async close(): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
