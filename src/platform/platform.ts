/**
 * What the controller needs of the place where an application runs. The controller decides, a
 * platform observes and carries out; it keeps no wishes of its own.
 */
import type { App } from '../app/model.ts';
import type { OwnerTable } from '../routing/owner-table.ts';
import type { Observation } from './observation.ts';
import type { PlatformStep } from './step.ts';

/** What an application comes to on this platform. */
export interface Prepared {
  readonly app: App;
  /** Per service: identity of everything an instance is started from. */
  readonly templates: Readonly<Record<string, string>>;
  /** Identity of the set of migration files; absent without migrations. */
  readonly migrationSet?: string;
  /** Identity of the router's structure: listener, services and routes, not instances. */
  readonly structure: string;
}

export interface Platform<P extends Prepared = Prepared> {
  /** Resolves values and files of an application. @throws UserError when something the file names is missing. */
  prepare(app: App, restarts: Readonly<Record<string, number>>): Promise<P>;
  /** Sees how things are, for what is wanted and what is in force. */
  observe(wanted: P, inForce: P | undefined): Promise<Observation>;
  /** Carries out one step. @throws OperationError when it did not work; the next round plans anew. */
  apply(step: PlatformStep, wanted: P, inForce: P | undefined): Promise<void>;
  /** The owner tables last published, by service. */
  tables(): Readonly<Record<string, OwnerTable>>;
  /** Where the router keeps this user, if it remembers her; an instance id. */
  pinOf(service: string, key: string): Promise<string | undefined>;
  /** Ends everything, in order. Once `hurry` is aborted nothing is waited for any more. */
  end(progress: (text: string) => void, hurry: AbortSignal): Promise<void>;
  /** Calls back whenever a new observation may differ from the last. Returns how to end that. */
  onChange(listener: () => void): () => void;
  /** Lets go of everything. What runs, runs on. */
  close(): Promise<void>;
}

/** What the controller remembers beyond its own life. */
export interface Settings {
  /** The application in force. */
  readonly inForce?: App;
  readonly scale: Readonly<Record<string, number>>;
  /** How often each service was restarted by hand; part of its template. */
  readonly restarts: Readonly<Record<string, number>>;
}

export interface SettingsStore {
  load(): Promise<Settings>;
  save(settings: Settings): Promise<void>;
}
