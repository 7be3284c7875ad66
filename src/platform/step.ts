/**
 * One thing to do, as planning decides it and a platform carries it out. A plain value that can be
 * printed. Every step is idempotent, and is either quick or goes on in the background, where the next
 * observation shows how far it is.
 */
import type { HandOver } from '../routing/hand-over/next-change.ts';
import type { OwnerTable } from '../routing/owner-table.ts';
import type { InstanceStep } from '../scaling/rollout.ts';

/** From now on instances are started from what the file says, not from what was in force before. */
export interface AdmitStep {
  readonly kind: 'admit';
}

/** What becomes of a release, on platforms that roll back. */
export type ReleaseStep =
  | AdmitStep
  /** What is in force has got ready: this is what a failing release goes back to. */
  | { readonly kind: 'accept' }
  /** What is in force did not get ready: what was accepted last comes back into force. */
  | { readonly kind: 'roll-back'; readonly reason: string };

export interface PublishTableStep {
  readonly kind: 'publish-table';
  readonly table: OwnerTable;
  readonly moved: number;
  readonly reason: string;
}

/** Applies what waited until no instance of an older version was left. */
export interface ContractStep {
  readonly kind: 'contract';
  readonly set: string;
  /** Names of the files, as far as they are known. */
  readonly files: readonly string[];
}

/** Carried out by every platform. */
export type SharedStep =
  | {
      readonly kind: 'migrate';
      readonly set: string;
      /** `everything`: no version has run on this database, so none has to survive. */
      readonly extent: 'expand' | 'everything';
    }
  | ContractStep
  | PublishTableStep;

/** For services that hand sessions over. */
export type SessionStep =
  | PublishTableStep
  /** Tells an instance the table in force. */
  | {
      readonly kind: 'tell-table';
      readonly id: string;
      readonly service: string;
      readonly epoch: number;
    }
  /** Moves slots, or the copies of slots, and publishes the table that follows from it. */
  | HandOver;

/** For a platform where Holdfast starts and ends every process. */
export type ProcessStep =
  | { readonly kind: 'start-database' }
  | InstanceStep
  | { readonly kind: 'start-router'; readonly structure: string }
  | { readonly kind: 'reload-router'; readonly structure: string }
  /** New connections get the certificate that the secret has now. */
  | { readonly kind: 'renew-certificate' }
  | { readonly kind: 'route-instance'; readonly id: string; readonly service: string }
  | { readonly kind: 'drain-instance'; readonly id: string; readonly service: string }
  | { readonly kind: 'undrain-instance'; readonly id: string; readonly service: string }
  | {
      readonly kind: 'unroute-instance';
      readonly id: string;
      readonly service: string;
      readonly reason: string;
    };

/** For what a cluster keeps as objects. */
export type ObjectStep =
  | {
      readonly kind: 'apply-object';
      readonly object: string;
      readonly name: string;
      readonly part: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'delete-object';
      readonly object: string;
      readonly name: string;
      readonly part: string;
    }
  /** Tells the cluster which instances a scale-down is to take first: the least rank. */
  | {
      readonly kind: 'rank-instances';
      readonly service: string;
      readonly ranks: Readonly<Record<string, number | null>>;
    };

export type MachineStep = SharedStep | ProcessStep | SessionStep;
export type ClusterStep = SharedStep | ObjectStep | SessionStep;
export type Step = ReleaseStep | MachineStep | ClusterStep;

/** Which part of the application a step is about: a service, an instance or a fixed part. */
export function partOf(step: Step): string {
  switch (step.kind) {
    case 'start-database':
      return 'database';
    case 'migrate':
    case 'admit':
      return 'migrations';
    case 'contract':
      return 'contract';
    case 'accept':
    case 'roll-back':
      return 'release';
    case 'apply-object':
    case 'delete-object':
      return step.part;
    case 'rank-instances':
      return step.service;
    case 'start-instance':
      return `${step.service}-${step.ordinal}`;
    case 'retire-instance':
    case 'rejoin-instance':
    case 'stop-instance':
    case 'kill-instance':
    case 'forget-instance':
    case 'route-instance':
    case 'drain-instance':
    case 'undrain-instance':
    case 'unroute-instance':
      return step.id;
    case 'start-router':
    case 'reload-router':
    case 'renew-certificate':
      return 'router';
    case 'publish-table':
      return step.table.service;
    // Whoever ends is replaced while others hand over: these do not wait for each other.
    case 'hand-over':
      return `${step.service} sessions`;
    case 'tell-table':
      return `${step.id} sessions`;
  }
}

/** The step in one line of words, for `--dry-run` and the log of events. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'start-database':
      return 'start the database';
    case 'migrate':
      return 'apply pending migrations';
    case 'contract':
      return `apply ${step.files.length === 0 ? 'the contract, if there is one' : step.files.join(', ')}; then there is no way back`;
    case 'admit':
      return 'put the file in force';
    case 'accept':
      return 'everything is ready: from now on this is what a failing release goes back to';
    case 'roll-back':
      return `go back to what was ready before (${step.reason})`;
    case 'apply-object':
      return `apply ${step.object} ${step.name} (${step.reason})`;
    case 'delete-object':
      return `delete ${step.object} ${step.name}`;
    case 'rank-instances':
      return 'say which instances go first';
    case 'start-instance':
      return `start (${step.reason})`;
    case 'retire-instance':
      return `leave: no new users (${step.reason})`;
    case 'rejoin-instance':
      return 'stay after all';
    case 'stop-instance':
      return `stop (${step.reason})`;
    case 'kill-instance':
      return `kill (${step.reason})`;
    case 'forget-instance':
      return 'remove what is left of it';
    case 'start-router':
      return 'start the router';
    case 'reload-router':
      return 'reload the router with another structure';
    case 'renew-certificate':
      return 'show the new certificate';
    case 'route-instance':
      return 'add to the router';
    case 'drain-instance':
      return 'send no new requests';
    case 'undrain-instance':
      return 'send requests again';
    case 'unroute-instance':
      return `take out of the router (${step.reason})`;
    case 'publish-table':
      return `publish owner table, epoch ${step.table.epoch}: ${step.moved} slots move (${step.reason})`;
    case 'hand-over':
      return `${step.as === 'owner' ? 'hand over' : 'copy'} ${step.slots.length} slots to ${step.to.id}, epoch ${step.epoch}`;
    case 'tell-table':
      return `tell it the owner table, epoch ${step.epoch}`;
  }
}
