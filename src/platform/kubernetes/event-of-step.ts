/** Which steps are worth an Event, and how it reads. Pure. */
import { describeStep, type ClusterStep, type ReleaseStep } from '../step.ts';
import type { AppEvent } from './events.ts';

/** Undefined for what goes on all the time. */
export function eventOf(step: ReleaseStep | ClusterStep): AppEvent | undefined {
  const note = describeStep(step);
  switch (step.kind) {
    case 'migrate':
      return { reason: 'Migrating', action: 'Migrate', note, type: 'Normal' };
    case 'contract':
      return { reason: 'Contracting', action: 'Migrate', note, type: 'Normal' };
    case 'admit':
      return { reason: 'InForce', action: 'Release', note, type: 'Normal' };
    case 'accept':
      return { reason: 'Accepted', action: 'Release', note, type: 'Normal' };
    case 'roll-back':
      return { reason: 'RolledBack', action: 'Release', note, type: 'Warning' };
    case 'publish-table':
      return {
        reason: 'OwnersMoved',
        action: 'Route',
        note: `${step.table.service}: ${note}`,
        type: 'Normal',
      };
    case 'delete-object':
      return { reason: 'Deleted', action: 'Delete', note, type: 'Normal' };
    case 'apply-object':
    case 'hand-over':
    case 'tell-table':
    case 'rank-instances':
      return undefined;
  }
}
