/** What a router sees of its application: what is published for it, where instances and other routers are. */
import type { Certificate } from '../../../routing/certificate.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import type { PublishedStructure } from '../../../routing/published-structure.ts';

export interface RouterView {
  readonly structure: PublishedStructure;
  /** The one that the Secret had last and that can be used; with HTTPS. */
  readonly certificate?: Certificate;
  /** The newest table of each stateful service that has one. */
  readonly tables: ReadonlyMap<string, OwnerTable>;
  /** Endpoints by service. */
  readonly endpoints: ReadonlyMap<string, readonly Endpoint[]>;
  /** The other routers. */
  readonly peers: readonly RouterPeer[];
}

/** What a router sees, and what it remembers: endpoints that were given up are left out. */
export interface RecalledView extends RouterView {
  /** Ids of the servers whose pins do not count any more, by service. */
  readonly freed: ReadonlyMap<string, ReadonlySet<number>>;
  /** Ids of servers whose users were let go here, for the others. */
  readonly released: ReadonlySet<number>;
  /** Services whose newest table has waited for its owners for a while. */
  readonly overdue: ReadonlySet<string>;
  /** The table by which HAProxy routes, of each service where that is known. */
  readonly inForce: ReadonlyMap<string, OwnerTable>;
  /** Some endpoints have vanished, and may come back. */
  readonly isUnsettled: boolean;
}

/** A pod behind a service, as EndpointSlices tell of it. */
export interface Endpoint {
  /** The pod's name, which is the instance id. */
  readonly name: string;
  /** The pod's uid. */
  readonly uid: string;
  readonly host: string;
  readonly port: number;
  /** It answers its readiness probe and does not end. */
  readonly ready: boolean;
  /** It answers its readiness probe. */
  readonly serving: boolean;
  /** It ends. */
  readonly terminating: boolean;
}

export interface RouterPeer {
  readonly name: string;
  readonly host: string;
  /** It answers its readiness probe, also while it ends. */
  readonly serving: boolean;
}
