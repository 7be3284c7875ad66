/** The routers of a simulated cluster: each takes up on a tick what was published and ready before it. */
import type { AskRouters } from '../../src/platform/kubernetes/router-states.ts';
import { SERVICE_LABEL } from '../../src/platform/kubernetes/objects/names.ts';
import { conditionOf, type ConfigMap, type Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import type { Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import { decodeStructure, decodeTableText } from '../../src/routing/published-structure.ts';
import type { RouterState } from '../../src/routing/router-state.ts';
import type { SimulatedApi } from './simulated-api.ts';

export class SimulatedRouters {
  readonly #api: SimulatedApi;
  /** By pod name. */
  readonly #states = new Map<string, RouterState>();
  /** Names of routers that take up nothing new. */
  readonly stuck = new Set<string>();
  /** Questions so far. */
  questions = 0;

  constructor(api: SimulatedApi) {
    this.#api = api;
  }

  /** How controllers ask them. */
  readonly ask: AskRouters = () => ({
    users: () => Promise.resolve(undefined),
    state: ({ metadata }) => {
      this.questions += 1;
      return Promise.resolve(this.#states.get(metadata.name));
    },
  });

  get ready(): readonly Pod[] {
    return this.#readyPods().filter(
      ({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === 'router',
    );
  }

  state(router: Pod): RouterState | undefined {
    return this.#states.get(router.metadata.name);
  }

  /** What a router has that is up to date; undefined before anything is published. */
  published(): RouterState | undefined {
    const maps = this.#api.all('ConfigMap') as (Manifest & ConfigMap)[];
    const text = maps.map(({ data }) => data?.['structure']).find((found) => found !== undefined);
    if (text === undefined) return undefined;
    const { generation, backends } = decodeStructure(text);
    const tables = maps.flatMap(({ data }) =>
      data?.['table'] === undefined ? [] : [decodeTableText(data['table'])],
    );
    const services = backends.map(({ service, stateful }) => {
      const epoch = tables.find((table) => table.service === service)?.epoch ?? 0;
      return [
        service,
        { ...(stateful === undefined ? {} : { epoch }), servers: this.#servers(service) },
      ] as const;
    });
    return { ready: true, generation, peers: [], pins: 0, services: Object.fromEntries(services) };
  }

  tick(): void {
    const state = this.published();
    if (state === undefined) return;
    for (const { metadata } of this.ready)
      if (!this.stuck.has(metadata.name)) this.#states.set(metadata.name, state);
  }

  #servers(service: string): RouterState['services'][string]['servers'] {
    return this.#readyPods()
      .filter(({ metadata }) => metadata.labels?.[SERVICE_LABEL] === service)
      .map(({ metadata: { name } }) => ({ name, up: true, draining: false, requests: 0 }));
  }

  #readyPods(): Pod[] {
    const pods = this.#api.all('Pod') as (Manifest & Pod)[];
    return pods.filter(
      (pod) => pod.metadata.deletionTimestamp === undefined && conditionOf(pod, 'Ready')?.status === 'True',
    );
  }
}
