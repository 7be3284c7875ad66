/**
 * What a platform sees of a running application: a plain value, taken at one moment, that planning
 * and `status` work from. All times are milliseconds since the epoch.
 */

/**
 * - `starting`: runs, has never been ready
 * - `ready`: answers its readiness path
 * - `unready`: was ready once, does not answer now; it may still hold its users' sessions
 * - `leaving`: gets no new users and waits until those it has are gone
 * - `stopping`: has been told to end
 * - `dead`: its process is gone, and with it whatever it held in memory
 */
export type InstanceState = 'starting' | 'ready' | 'unready' | 'leaving' | 'stopping' | 'dead';

export interface InstanceObservation {
  /** Stable name, such as `login-2`. */
  readonly id: string;
  readonly service: string;
  /** Number in the name, at least 1. */
  readonly ordinal: number;
  /** Tells this life of the instance from every other one of the same id. */
  readonly incarnation: string;
  /** Which template it was started from; another one than the wanted makes it outdated. */
  readonly template: string;
  readonly state: InstanceState;
  /** When it entered the state. */
  readonly since: number;
  readonly startedAt: number;
  readonly host: string;
  readonly port: number;
  readonly pid?: number;
  /** While leaving: when it is ended although it still has users. */
  readonly leaveBy?: number;
  /** Deaths in a row without a stable life between them. */
  readonly failures: number;
  /** Its liveness path has failed often enough in a row. */
  readonly hung: boolean;
  /** While stopping: it has been told so. */
  readonly signalled: boolean;
  /** It is being ended for a failure of its own, or has failed more than once in a row. */
  readonly failed: boolean;
  /** Why it last failed, for people. */
  readonly problem?: string;
}

export interface DatabaseObservation {
  readonly state: 'none' | 'absent' | 'starting' | 'ready' | 'unready' | 'failed';
  readonly address?: string;
  readonly pid?: number;
  readonly problem?: string;
}

export interface MigrationsObservation {
  /**
   * `held`: a file was changed, is missing or failed; only the user can go on.
   * `retry`: the database could not be asked; tried again after `retryAt`.
   */
  readonly state: 'none' | 'unknown' | 'running' | 'applied' | 'held' | 'retry';
  /** Identity of the set of files this is about. */
  readonly set?: string;
  readonly applied: number;
  readonly pending: number;
  readonly progress?: string;
  readonly problem?: string;
  readonly retryAt?: number;
}

export interface RoutedServer {
  /** Instance id. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The router's own checks find it usable. */
  readonly up: boolean;
  readonly draining: boolean;
  /** Requests in flight. */
  readonly requests: number;
  /** Users pinned to it; only known of stateful services' leaving instances. */
  readonly pins?: number;
}

export interface BackendObservation {
  /** Epoch of the owner table that the router works by; stateful services only. */
  readonly epoch?: number;
  readonly servers: readonly RoutedServer[];
}

export interface RouterObservation {
  readonly state: 'absent' | 'starting' | 'ready' | 'dead';
  readonly since: number;
  readonly pid?: number;
  /** Which structure (services, routes, listener) the running router was given. */
  readonly structure?: string;
  readonly backends: Readonly<Record<string, BackendObservation>>;
  readonly url?: string;
  readonly failures: number;
  readonly problem?: string;
}

export interface Observation {
  readonly now: number;
  readonly database: DatabaseObservation;
  readonly migrations: MigrationsObservation;
  readonly instances: readonly InstanceObservation[];
  readonly router: RouterObservation;
}
