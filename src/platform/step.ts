/**
 * One thing to do, as planning decides it and a platform carries it out. A plain value that can be
 * printed. Every step is idempotent, and is either quick or goes on in the background, where the next
 * observation shows how far it is.
 */
import type { OwnerTable } from '../routing/owner-table.ts';
import type { InstanceStep } from '../scaling/rollout.ts';

export type Step =
  | { readonly kind: 'start-database' }
  | { readonly kind: 'migrate'; readonly set: string }
  /** From now on instances are started from what the file says, not from what was in force before. */
  | { readonly kind: 'admit' }
  | InstanceStep
  | { readonly kind: 'start-router'; readonly structure: string }
  | { readonly kind: 'reload-router'; readonly structure: string }
  | { readonly kind: 'route-instance'; readonly id: string; readonly service: string }
  | { readonly kind: 'drain-instance'; readonly id: string; readonly service: string }
  | { readonly kind: 'undrain-instance'; readonly id: string; readonly service: string }
  | {
      readonly kind: 'unroute-instance';
      readonly id: string;
      readonly service: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'publish-table';
      readonly table: OwnerTable;
      readonly moved: number;
      readonly reason: string;
    };

/** What a platform carries out; the rest is the controller's own. */
export type PlatformStep = Exclude<Step, { kind: 'admit' }>;

/** Which part of the application a step is about: a service, an instance or a fixed part. */
export function partOf(step: Step): string {
  switch (step.kind) {
    case 'start-database':
      return 'database';
    case 'migrate':
    case 'admit':
      return 'migrations';
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
      return 'router';
    case 'publish-table':
      return step.table.service;
  }
}

/** The step in one line of words, for `--dry-run` and the log of events. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'start-database':
      return 'start the database';
    case 'migrate':
      return 'apply pending migrations';
    case 'admit':
      return 'put the file in force';
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
  }
}
