/**
 * What the controller needs of the place where an application runs. The controller decides, a
 * platform observes and carries out; it keeps no wishes of its own.
 */
import { OperationError, UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import type { OwnerTable } from '../routing/owner-table.ts';
import type { TableChange } from '../routing/table-history.ts';
import type { Observation } from './observation.ts';
import type { MachineStep } from './step.ts';

/** What an application comes to on this platform. */
export interface Prepared {
  readonly app: App;
  /** Per service: identity of everything an instance is started from. */
  readonly templates: Readonly<Record<string, string>>;
  /** Identity of the set of migration files; absent without migrations. */
  readonly migrationSet?: string;
  /** The version of its last file marked `contract`; only where that is part of the templates. */
  readonly contract?: string;
  /** Identity of the router's structure: listener, services and routes, not instances. */
  readonly structure: string;
}

/** What stays of an application in force when it is prepared anew. */
export interface Standing<P extends Prepared> {
  /** As in `Prepared`. */
  readonly contract?: string | undefined;
  /** What it came to before, if that is known. */
  readonly prepared?: P;
}

export interface Platform<P extends Prepared = Prepared> {
  /**
   * Resolves values and files of an application. @param standing for one in force: its migrations are those that were
   * applied, not those that are there now. @throws UserError when something the file names is missing.
   */
  prepare(app: App, restarts: Readonly<Record<string, number>>, standing?: Standing<P>): Promise<P>;
  /** Sees how things are, for what is wanted and what is in force. */
  observe(wanted: P, inForce: P | undefined): Promise<Observation>;
  /** Carries out one step. @throws OperationError when it did not work; the next round plans anew. */
  apply(step: MachineStep, wanted: P, inForce: P | undefined): Promise<void>;
  /** The owner tables last published, by service. */
  tables(): Readonly<Record<string, OwnerTable>>;
  /** Where the router keeps this user, if it remembers her; an instance id. */
  pinOf(service: string, key: string): Promise<string | undefined>;
  /** How many users the router keeps at each instance of a service; by instance. */
  pinsOf(service: string): Promise<Readonly<Record<string, number>>>;
  /** What became of a service's owner table, the last change first. */
  history(service: string): readonly TableChange[];
  /** Ends everything, in order. Once `hurry` is aborted nothing is waited for any more. */
  end(progress: (text: string) => void, hurry: AbortSignal): Promise<void>;
  /** Calls back whenever a new observation may differ from the last. Returns how to end that. */
  onChange(listener: () => void): () => void;
  /** Lets go of everything. What runs, runs on. */
  close(): Promise<void>;
}

/** A step that the platform takes neither now nor when it is tried again soon: what it is made from has to change. */
export class StepRefused extends OperationError {}

/** What the application came to holds no longer: the step works only once it is prepared anew. */
export class PreparationOutdated extends OperationError {}

/** A Secret of the user's is not there, or lacks something: making it helps as well as naming another. */
export class SecretIsMissing extends UserError {}

/** What the controller remembers beyond its own life. */
export interface Settings {
  /** The application in force. */
  readonly inForce?: App;
  /** Of what is in force; see `Prepared`. */
  readonly contract?: string;
  /** What everything was last ready with, and why what is wanted was rolled back; on a cluster. */
  readonly accepted?: App;
  readonly refused?: string;
  readonly scale: Readonly<Record<string, number>>;
  /** How often each service was restarted by hand; part of its template. */
  readonly restarts: Readonly<Record<string, number>>;
}

export interface SettingsStore {
  load(): Promise<Settings>;
  save(settings: Settings): Promise<void>;
}
