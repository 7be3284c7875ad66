/**
 * What a router remembers of its endpoints, since some rules are about time: an endpoint that vanishes
 * without having ended is kept for a while, one that was given up stays so.
 *
 * What always holds: an instance loses its users when it has been given up or its endpoint has gone, and then
 * at once. It has been given up when its drain time is over, as this router or another was told, and the table does not
 * name it: others have its users then; when it ends, is not ready, and HAProxy's checks find it down; or when it has
 * vanished, is down, and no table names it.
 */
import type { ObservedBackend } from '../../../routing/haproxy-router.ts';
import { serverId, type RunningRouter } from './router-plan.ts';
import type { Endpoint, RecalledView, RouterView } from './router-view.ts';
import { TableMemory } from './table-memory.ts';

/** How long an endpoint that vanished without having been seen to end keeps its place; ms. */
export const VANISHED_KEPT = 5_000;
/** How long pins to an instance that has gone do not count: other routers may teach them that long; ms. */
const FREED_REMEMBERED = 30_000;
/** How long one stays given up of which it is not yet known that it ends; ms. */
const RELEASE_HOLDS = 10_000;

interface Known {
  readonly service: string;
  endpoint: Endpoint;
  /** The table names it: its users have nowhere else to go yet. */
  isOwner: boolean;
  /** Undefined while it is listed. */
  vanishedAt: number | undefined;
  givenUp: boolean;
  /** Until then its drain time is known to be over, although it is not seen to end. */
  releasedUntil: number;
  /** The other routers are told that it has been given up. */
  announced: boolean;
}

/** What counts of HAProxy's own words. */
export type ToldByHaproxy = Pick<RunningRouter, 'backends' | 'released'>;

interface Freed {
  readonly service: string;
  readonly id: number;
  readonly until: number;
}

/** Times are ms of a clock that never goes back. */
export class EndpointMemory {
  readonly #known = new Map<string, Known>();
  #freed: readonly Freed[] = [];
  readonly #tables = new TableMemory();

  /** The instance's drain time is over: its users go to whom the table names, once that is somebody else. */
  release(service: string, name: string, now: number): void {
    for (const known of this.#known.values()) {
      const isMeant = known.service === service && known.endpoint.name === name;
      if (!isMeant) continue;
      known.announced = true;
      letGo(known, now);
    }
  }

  /** Whether the instance has lost its users for now. */
  hasReleased(service: string, name: string, now: number): boolean {
    return this.#of(service).some((known) => known.endpoint.name === name && isLost(known, now));
  }

  /** Takes in what is seen, and tells it as it counts. */
  recall(view: RouterView, { backends, released }: ToldByHaproxy, now: number): RecalledView {
    this.#note(view, now);
    this.#noteOwners(view);
    this.#hear(released, now);
    this.#judge(backends, now);
    this.#freed = this.#freed.filter(({ until }) => until > now);
    return {
      ...view,
      endpoints: new Map(
        view.structure.backends.map(({ service }) => [service, this.#counting(service, now)]),
      ),
      freed: new Map(view.structure.backends.map(({ service }) => [service, this.#freedOf(service, now)])),
      released: this.#released(now),
      ...this.#tables.recall(view.tables, backends, now),
      isUnsettled: [...this.#known.values()].some(({ vanishedAt }) => vanishedAt !== undefined),
    };
  }

  #note({ endpoints }: RouterView, now: number): void {
    const listed = [...endpoints].flatMap(([service, found]) =>
      found.map((endpoint) => ({ service, endpoint })),
    );
    const keys = new Set(listed.map(({ service, endpoint }) => keyOf(service, endpoint)));
    for (const [key, known] of this.#known) {
      if (keys.has(key)) continue;
      known.vanishedAt ??= now;
      const isReplaced = listed.some((next) => replaces(next, known));
      if (isReplaced || !endpoints.has(known.service) || isOver(known, now)) this.#forget(key, known, now);
    }
    for (const { service, endpoint } of listed) {
      const before = this.#known.get(keyOf(service, endpoint)) ?? NEVER_SEEN;
      this.#known.set(keyOf(service, endpoint), { ...before, service, endpoint, vanishedAt: undefined });
    }
  }

  #noteOwners({ tables }: RouterView): void {
    for (const known of this.#known.values())
      known.isOwner = tables.get(known.service)?.owners.includes(known.endpoint.name) === true;
  }

  #forget(key: string, { service, endpoint }: Known, now: number): void {
    this.#known.delete(key);
    this.#freed = [...this.#freed, { service, id: serverId(endpoint.uid), until: now + FREED_REMEMBERED }];
  }

  /** Other routers have let users go. One that is not seen to end is given up once only: it may come back. */
  #hear(released: ReadonlySet<number>, now: number): void {
    for (const known of this.#known.values()) {
      if (!released.has(serverId(known.endpoint.uid))) continue;
      const isNews = known.releasedUntil === NEVER_SEEN.releasedUntil;
      if (isNews || known.endpoint.terminating) letGo(known, now);
    }
  }

  #judge(backends: ToldByHaproxy['backends'], now: number): void {
    for (const known of this.#known.values()) {
      const { terminating, serving } = known.endpoint;
      const hasGone = terminating ? !serving : known.vanishedAt !== undefined && !known.isOwner;
      known.givenUp ||= hasGone && isDown(known, backends[known.service]);
      known.givenUp ||= terminating && isReleased(known, now);
    }
  }

  #released(now: number): Set<number> {
    const here = [...this.#known.values()].filter((known) => known.announced && isLost(known, now));
    return new Set(here.map(({ endpoint }) => serverId(endpoint.uid)));
  }

  #of(service: string): Known[] {
    return [...this.#known.values()].filter((known) => known.service === service);
  }

  #counting(service: string, now: number): Endpoint[] {
    return this.#of(service)
      .filter((known) => !isLost(known, now))
      .map(({ endpoint }) => endpoint);
  }

  #freedOf(service: string, now: number): Set<number> {
    const lost = this.#of(service).filter((known) => isLost(known, now));
    const gone = this.#freed.filter((freed) => freed.service === service);
    return new Set([...lost.map(({ endpoint }) => serverId(endpoint.uid)), ...gone.map(({ id }) => id)]);
  }
}

const NEVER_SEEN = {
  isOwner: false,
  givenUp: false,
  releasedUntil: Number.NEGATIVE_INFINITY,
  announced: false,
};

const keyOf = (service: string, { uid }: Endpoint): string => `${service}/${uid}`;

const isReleased = ({ isOwner, releasedUntil }: Known, now: number): boolean =>
  !isOwner && releasedUntil > now;

const isLost = (known: Known, now: number): boolean => known.givenUp || isReleased(known, now);

function letGo(known: Known, now: number): void {
  known.releasedUntil = now + RELEASE_HOLDS;
  known.givenUp ||= known.endpoint.terminating && !known.isOwner;
}

/** One that was seen to end has ended when it vanishes. */
function isOver(known: Known, now: number): boolean {
  const { endpoint, vanishedAt = now } = known;
  return endpoint.terminating || isLost(known, now) || now - vanishedAt >= VANISHED_KEPT;
}

/** Another pod of its name, or at its address, shows that a pod that vanished has gone. */
function replaces(next: { service: string; endpoint: Endpoint }, { service, endpoint }: Known): boolean {
  const { name, host, port } = next.endpoint;
  return (
    (next.service === service && name === endpoint.name) || (host === endpoint.host && port === endpoint.port)
  );
}

function isDown({ endpoint }: Known, backend: ObservedBackend | undefined): boolean {
  const id = serverId(endpoint.uid);
  return (
    backend?.servers.some((server) => server.id === id && server.admin !== 'maint' && !server.up) === true
  );
}
