/**
 * What a platform sees of a running application: a plain value, taken at one moment, that planning
 * and `status` work from. All times are milliseconds since the epoch.
 */
import type { ParticipantAnswer } from '../routing/hand-over/participant-client.ts';
import type { Member } from '../session/told-table.ts';

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
  /** The machine that it runs on, where there are several. */
  readonly node?: string;
  /** It counts as dead, and may run all the same: its node does not answer. */
  readonly mayRun?: boolean;
  /** When it could begin, all that comes before it being done; where there is such a thing. */
  readonly initializedAt?: number;
  /** Users whose sessions it has, as far as the routers know; known where it matters. */
  readonly users?: number;
  /** Its rank among those that a scale-down takes first; the least goes first. */
  readonly rank?: number;
  /** What it says of its sessions; of services that hand them over. */
  readonly session?: SessionObservation;
}

export interface SessionObservation {
  /** It has not answered for so long that it may not be there. */
  readonly isSilent: boolean;
  /** Its last answer, and how a table names it; none yet since it or this controller started. */
  readonly answer?: ParticipantAnswer;
  readonly member?: Member;
}

/** What goes on with a service's sessions. */
export interface HandOverActivity {
  /** Slots are being handed over just now. */
  readonly isBusy: boolean;
  /** A table is being told just now. */
  readonly isPublishing: boolean;
  /** Slots that were too busy to be handed over just now. */
  readonly postponed: readonly number[];
  /** Of whom nothing is left to be seen, and who has not been seen to end either; on a cluster. */
  readonly missing?: readonly Member[];
}

export interface DatabaseObservation {
  readonly state: 'none' | 'absent' | 'starting' | 'ready' | 'unready' | 'failed';
  readonly address?: string;
  readonly pid?: number;
  readonly problem?: string;
  /** What is asked of its volume and can't be had, and what to do; on a cluster. */
  readonly volumeProblem?: string;
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
  /** What is left of a set that has come into force; not necessarily of the wanted one. */
  readonly contract?: ContractObservation;
}

/** The files of a set that wait until no instance of an older version is left. */
export interface ContractObservation {
  /** Identity of the set. */
  readonly set: string;
  /**
   * `unknown`: whether there are any is found out by trying. `none`: none was pending when the set was brought in.
   * `applied`: nothing of them is pending, whoever has applied them, and whenever.
   * `held` and `retry` as for the set itself.
   */
  readonly state: 'unknown' | 'none' | 'pending' | 'running' | 'applied' | 'held' | 'retry';
  /** Names of the files, as far as they are known. */
  readonly files: readonly string[];
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
  /** `failed`: it has ended more than once in a row, and the next start is not due yet. */
  readonly state: 'absent' | 'starting' | 'ready' | 'failed';
  readonly since: number;
  readonly pid?: number;
  /** Which structure (services, routes, listener) the running router was given. */
  readonly structure?: string;
  readonly backends: Readonly<Record<string, BackendObservation>>;
  readonly url?: string;
  readonly problem?: string;
  /** The secret has another certificate than new connections get. */
  readonly hasNewCertificate?: boolean;
  /** Where there are several: what some of them lack to serve users as is published, a sentence each. */
  readonly lacks?: readonly string[];
}

/** An object of a cluster compared with what it should be. */
export interface ObjectObservation {
  readonly kind: string;
  readonly name: string;
  readonly phase: 'database' | 'services' | 'routes';
  /** A service, or one of the fixed parts. */
  readonly part: string;
  /** `orphaned`: nobody wants it any more. */
  readonly state: 'missing' | 'different' | 'as-wanted' | 'orphaned';
  /** Where it differs, as a path of keys. */
  readonly difference?: string;
}

/** How far Kubernetes is with bringing a service to its template. */
export interface RolloutObservation {
  /** `stuck`: none of the wanted instances got ready for as long as one may take. */
  readonly state: 'absent' | 'changing' | 'complete' | 'stuck';
  /** Instances that the cluster was asked for; an autoscaler may have done so. */
  readonly replicas: number;
  readonly problem?: string;
}

/** Whether a service that is scaled by load has the figures for it. */
export interface ScalingObservation {
  /** `blind`: it gets no figures; `unknown`: nobody has tried yet. */
  readonly state: 'active' | 'blind' | 'unknown';
  readonly problem?: string;
}

export interface Observation {
  readonly now: number;
  readonly database: DatabaseObservation;
  readonly migrations: MigrationsObservation;
  readonly instances: readonly InstanceObservation[];
  readonly router: RouterObservation;
  /** On a machine: how many there are for everything that runs. */
  readonly processors?: number;
  /** Of services that hand sessions over. */
  readonly handOvers?: Readonly<Record<string, HandOverActivity>>;
  /** On a cluster: the objects that the application consists of, and its rollouts by service. */
  readonly objects?: readonly ObjectObservation[];
  readonly rollouts?: Readonly<Record<string, RolloutObservation>>;
  /** On a cluster: of the services that are scaled by load. */
  readonly scaling?: Readonly<Record<string, ScalingObservation>>;
}
