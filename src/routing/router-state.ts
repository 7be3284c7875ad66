/** What a router of a cluster tells of itself over its state API, and who asks parses it with. */
import { z } from 'zod';

export const routedServer = z.object({
  /** Instance id. */
  name: z.string(),
  /** The router's checks find it usable. */
  up: z.boolean(),
  /** It ends: a stateless service's server gets no new requests, a stateful one keeps its users. */
  draining: z.boolean(),
  /** Requests in flight. */
  requests: z.int(),
  /** Users pinned to it; told of servers of stateful services that end. */
  pins: z.int().optional(),
});

export const routerState = z.object({
  ready: z.boolean(),
  /** Generation of the structure in force. */
  generation: z.string(),
  /** The other routers that it shares pins with. */
  peers: z.array(z.string()),
  /** How many users are pinned, of all services: what a router that starts has to learn. */
  pins: z.int(),
  /** It is not being taught pins itself; so does one that does not tell. */
  pinsKnown: z.boolean().optional(),
  services: z.record(
    z.string(),
    z.object({
      /** Epoch of the owner table in force; 0 is none yet. Stateful services only. */
      epoch: z.int().optional(),
      servers: z.array(routedServer),
    }),
  ),
});

export const instanceState = z.object({
  /** No new user comes to it: the table in force does not name it. */
  closed: z.boolean(),
  /** Users pinned to it and requests in flight. */
  users: z.int(),
});

export const pinState = z.object({ instance: z.string().nullable() });

export type RoutedServerState = z.infer<typeof routedServer>;
export type RouterState = z.infer<typeof routerState>;
export type InstanceState = z.infer<typeof instanceState>;

/** The header that carries the token of the state API. */
export const TOKEN_HEADER = 'x-holdfast-token';
