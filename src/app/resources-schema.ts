/** What an instance or a part takes of a cluster's node. */
import { cpuAmount, group, sizeWithin } from './schema-terms.ts';

export const resources = group('cpu, memory', {
  cpu: cpuAmount('1m', '256')
    .optional()
    .describe('The CPU that is reserved for one, in cores or, with m, in thousandths of a core.'),
  memory: sizeWithin('8Mi', '1024Gi', '256Mi')
    .optional()
    .describe('The memory that is reserved for one, and the most that it may take.'),
});
