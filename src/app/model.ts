/**
 * The application as the rest of Holdfast sees it: parsed, defaults filled in, units resolved.
 * All durations are milliseconds, all sizes bytes. Nothing in here is a secret, except what the user
 * wrote as a plain `value`.
 */

/** Where the value of one environment variable comes from. */
export type ValueSource =
  | { readonly kind: 'value'; readonly value: string }
  /** Made once, kept for the life of the application; `bytes` of randomness. */
  | { readonly kind: 'generate'; readonly bytes: number }
  /** A variable of the shell in which `up` was called. */
  | { readonly kind: 'from'; readonly variable: string }
  /** A file's content, without its last line break; relative to the folder of `holdfast.yaml`. */
  | { readonly kind: 'file'; readonly path: string }
  /** On a machine the file `.holdfast/secrets/SECRET/KEY`. */
  | { readonly kind: 'secret'; readonly secret: string; readonly key: string }
  /** The value that another service has under `key`. */
  | { readonly kind: 'service'; readonly service: string; readonly key: string };

export interface Health {
  /** HTTP path that answers 2xx when the instance can take users. */
  readonly ready: string;
  /** HTTP path that answers 2xx while the instance is alive; none means: alive while the process runs. */
  readonly live?: string;
  /** How long an instance may take until it is ready for the first time, in ms. */
  readonly start: number;
}

/** What of a request names its user. */
export type UserKey =
  | { readonly kind: 'header'; readonly name: string }
  /** With `assign` the router gives a cookie to whoever has none. */
  | { readonly kind: 'cookie'; readonly name: string; readonly assign: boolean }
  | { readonly kind: 'query'; readonly name: string }
  /** A segment of the path; 1 is the first. */
  | { readonly kind: 'path'; readonly segment: number };

/** How users are assigned to instances. */
export type TableKind = 'steady' | 'maglev' | 'ring' | 'rendezvous';

export interface Stateful {
  readonly key: UserKey;
  readonly table: TableKind;
  /** How long a session lives unused, in ms. */
  readonly idle: number;
  /** How long a leaving instance may keep its users, in ms. */
  readonly drain: number;
  /** How long a new instance takes until it has its full share of the slots, in ms; 0: it has it at once. */
  readonly warmup: number;
  /** Instances speak the hand-over protocol (docs/hand-over.md): sessions move, and survive a crash. */
  readonly handoff: boolean;
}

/** What one instance, or a part of Holdfast, takes of a cluster's node. */
export interface Resources {
  /** Thousandths of a core; what is reserved. */
  readonly cpu?: number;
  /** Bytes; what is reserved and at the same time the most. */
  readonly memory?: number;
}

/** How many instances there are; with a percentage a cluster finds the number between min and max by load. */
export interface InstanceCount {
  readonly min: number;
  readonly max: number;
  /** Average use to aim at, in percent of `resources.cpu`, which is there then; stateless services only. */
  readonly cpu?: number;
  /** Average use to aim at, in percent of `resources.memory`, which is there then; stateless services only. */
  readonly memory?: number;
}

/** It has a command, an image or both. */
export interface Service {
  readonly name: string;
  /** The command that starts one instance on a machine. */
  readonly run?: string;
  /** What one instance is started from on a cluster. */
  readonly image?: string;
  readonly env: Readonly<Record<string, ValueSource>>;
  readonly health: Health;
  /** Present when instances keep their users' sessions in memory. */
  readonly stateful?: Stateful;
  readonly resources?: Resources;
  readonly instances: InstanceCount;
  /** How long a stateless instance may finish the requests in flight, and any instance may take to end after SIGTERM, in ms. */
  readonly stop: number;
}

/** Requests whose path is `path` or lies below it go to `service`. */
export interface Route {
  readonly path: string;
  readonly service: string;
}

export type Database =
  | {
      readonly topology: 'single';
      /** Schema name inside the server. */
      readonly name: string;
      /** InnoDB buffer pool in bytes. */
      readonly memory: number;
      /** Size of the volume in bytes; on a cluster. */
      readonly storage: number;
      /** The cluster's own default without one. */
      readonly storageClass?: string;
      /** A Secret of the user with the passwords, a key for each account; generated without one. */
      readonly existingSecret?: string;
      readonly resources?: Resources;
    }
  | { readonly topology: 'external'; readonly url: ValueSource };

export interface Ingress {
  readonly host: string;
  /** Ingress class; the cluster's own default without one. */
  readonly class?: string;
  /** The Secret with the certificate. */
  readonly tls?: string;
}

/** HTTPS at the router. */
export interface RouterTls {
  /** The secret with `tls.crt` and `tls.key`. */
  readonly secret: string;
  /** Where it listens on a machine, as the router's own port. */
  readonly port: number;
  readonly nodePort?: number;
  /** Whether users who come by HTTP are sent here. */
  readonly redirect: boolean;
}

export interface Router {
  /** Where it listens on a machine. Port 0 means: any free one, kept from then on. */
  readonly host: string;
  readonly port: number;
  /** How many there are on a cluster, and how users reach them. */
  readonly instances: number;
  readonly service: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  readonly nodePort?: number;
  readonly tls?: RouterTls;
  readonly ingress?: Ingress;
  readonly resources?: Resources;
}

export interface Migrations {
  /** Folder with the migration files, relative to the folder of `holdfast.yaml`. */
  readonly path: string;
  /** On a cluster at most one of these has the files; with neither they are brought when it is deployed. */
  readonly image?: string;
  readonly configMap?: string;
}

/** A request that shows that the application works, and its right answer. */
export interface SmokeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
}

export interface App {
  readonly name: string;
  readonly services: readonly Service[];
  /** Longest path first. */
  readonly routes: readonly Route[];
  readonly router: Router;
  readonly database?: Database;
  readonly migrations?: Migrations;
  /** On a cluster everything is left as it is. */
  readonly paused: boolean;
  /** In the order in which they are sent. */
  readonly smoke: readonly SmokeRequest[];
  /** Bound of the kept output of each process, in bytes. */
  readonly logs: { readonly size: number };
}
