/** What a router is told: addresses, routes, services and their instances. */
import type { UserKey } from '../app/model.ts';

export interface RouterSpec {
  /** Told by the running router, so that it can be seen which configuration is in force. */
  readonly generation: string;
  readonly host: string;
  readonly port: number;
  /** HTTPS beside HTTP; the certificate is a file of its own. */
  readonly tls?: TlsSpec;
  /** Paths of Unix sockets, at most 100 bytes long. */
  readonly sockets: RouterSockets;
  /** The routers that share their pins; without it this one has its own, carried over reloads by the socket. */
  readonly fleet?: FleetSpec;
  /** It is to end, so its clients should go elsewhere. */
  readonly ends?: boolean;
  /** Longest path first. */
  readonly routes: readonly { readonly path: string; readonly service: string }[];
  readonly backends: readonly BackendSpec[];
}

export interface TlsSpec {
  readonly port: number;
  /** Sends who comes by HTTP to HTTPS; without it both are served. */
  readonly redirect?: {
    /** Where users reach HTTPS. */
    readonly port: number;
    /** Names of hosts, without port, under which HTTP is served all the same. */
    readonly except: readonly string[];
  };
}

export interface RouterSockets {
  /** For commands. */
  readonly runtime: string;
  /** For the pins handed over at a reload. */
  readonly peer: string;
  /** For requests that a worker which stops gives to the next one. */
  readonly next: string;
}

/** A router by its name among the others, and where it talks with them about pins: TCP, in the clear. */
export interface PeerSpec {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface FleetSpec {
  readonly self: PeerSpec;
  readonly others: readonly PeerSpec[];
}

export interface BackendSpec {
  readonly service: string;
  /** Path whose 2xx answer means that an instance can take requests. */
  readonly readyPath: string;
  readonly stateful?: StatefulSpec;
  readonly servers: readonly ServerSpec[];
}

export interface StatefulSpec {
  /** What names a user. */
  readonly key: UserKey;
  /** How long an unused session lives; ms. */
  readonly idleMs: number;
  /**
   * A user stays at the instance that served it first, whatever the table says; so without a word. With hand-over it is
   * false: sessions follow the table.
   */
  readonly pins?: boolean | undefined;
}

export interface ServerSpec {
  /** Instance id, as owner tables name it. */
  readonly name: string;
  /** At least 1, the same for one name as long as it exists: pins are cleared by it. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** A stateless service's `drain` gets no new requests. A stateful one keeps its users until the table and the pins change. */
  readonly state: 'ready' | 'drain';
}

interface Services {
  readonly backends: readonly { readonly stateful?: { readonly pins?: boolean | undefined } | undefined }[];
}

/** Whether users of any service are pinned. */
export function hasPins({ backends }: Services): boolean {
  return backends.some(({ stateful }) => stateful !== undefined && stateful.pins !== false);
}
