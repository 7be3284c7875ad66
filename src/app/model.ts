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

export interface Stateful {
  /** What names a user. */
  readonly key: { readonly header: string };
  readonly table: 'steady';
  /** How long a session lives unused, in ms. */
  readonly idle: number;
  /** How long a leaving instance may keep its users, in ms. */
  readonly drain: number;
}

export interface Service {
  readonly name: string;
  /** The command that starts one instance on a machine. */
  readonly run: string;
  readonly env: Readonly<Record<string, ValueSource>>;
  readonly health: Health;
  /** Present when instances keep their users' sessions in memory. */
  readonly stateful?: Stateful;
  readonly instances: { readonly min: number; readonly max: number };
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
    }
  | { readonly topology: 'external'; readonly url: ValueSource };

export interface App {
  readonly name: string;
  readonly services: readonly Service[];
  /** Longest path first. */
  readonly routes: readonly Route[];
  /** Port 0 means: any free one, kept from then on. */
  readonly router: { readonly host: string; readonly port: number };
  readonly database?: Database;
  /** Folder with the migration files, relative to the folder of `holdfast.yaml`. */
  readonly migrations?: { readonly path: string };
  /** Bound of the kept output of each process, in bytes. */
  readonly logs: { readonly size: number };
}
