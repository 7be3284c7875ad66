/** What the agent tells about the database under `/state`. */
import { z } from 'zod';

export const agentStateSchema = z.object({
  state: z.enum(['starting', 'ready', 'unready', 'failing', 'stopping']),
  /** How often MariaDB has been started by this agent. */
  starts: z.int(),
  /** Which accounts the running server has; none until it has answered. */
  accounts: z.object({ names: z.array(z.string()), digest: z.string() }).optional(),
  /** The volume, in bytes. */
  volume: z.object({ size: z.number(), free: z.number() }).optional(),
  version: z.string().optional(),
  /** What is wrong, in a sentence that says what to do. */
  problem: z.string().optional(),
});

/** `failing`: MariaDB has ended by itself and is started again after a pause. `unready`: it answered before. */
export type AgentState = z.infer<typeof agentStateSchema>;
