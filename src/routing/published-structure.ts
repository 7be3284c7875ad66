/**
 * What the controller publishes for the routers of a cluster: routes and services, as JSON under
 * `structure` in a ConfigMap. Which servers there are is not part of it; routers see that for themselves.
 */
import { z } from 'zod';
import { OperationError } from '../app/failure.ts';
import { decodeStored, type CopiedTable } from './hand-over/copied-table.ts';
import { decodeTable, type OwnerTable } from './owner-table.ts';

/** Key of the ConfigMap's entry that holds the structure. */
export const STRUCTURE_KEY = 'structure';
/** Key of the entry that holds an `EncodedTable`, in the ConfigMap of a stateful service's owners. */
export const TABLE_KEY = 'table';
/** Key of the entry beside it with what became of the table of late, as JSON. */
export const HISTORY_KEY = 'history';

const name = z.string().min(1);
const userKey = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('header'), name }),
  z.object({ kind: z.literal('cookie'), name, assign: z.boolean() }),
  z.object({ kind: z.literal('query'), name }),
  z.object({ kind: z.literal('path'), segment: z.int().min(1) }),
]);

const publishedStructure = z.object({
  /** Another one means: another structure. Without control characters. */
  generation: z.string().min(1).max(200),
  /** HTTPS: the Secret with the certificate, and, where users of HTTP are sent to it, the port they know it by. */
  tls: z
    .object({ secret: name, redirect: z.object({ port: z.int().min(1), except: z.array(name) }).optional() })
    .optional(),
  /** Longest path first. */
  routes: z.array(z.object({ path: z.string().startsWith('/'), service: z.string().min(1) })),
  backends: z.array(
    z.object({
      service: z.string().min(1),
      /** Path whose 2xx answer means that an instance can take requests. */
      readyPath: z.string().startsWith('/'),
      /** What names a user, how long an unused session lives in ms, and whether users are pinned; absent is yes. */
      stateful: z.object({ key: userKey, idleMs: z.int().min(1), pins: z.boolean().optional() }).optional(),
    }),
  ),
});

export type PublishedStructure = z.infer<typeof publishedStructure>;
export type PublishedBackend = PublishedStructure['backends'][number];

export function encodeStructure(structure: PublishedStructure): string {
  return JSON.stringify(publishedStructure.parse(structure));
}

/** @throws OperationError when the text is not a structure */
export function decodeStructure(text: string): PublishedStructure {
  const parsed = publishedStructure.safeParse(json(text));
  if (parsed.success) return parsed.data;
  const about = z.prettifyError(parsed.error);
  throw new OperationError(`The published structure is damaged: ${about}`, { cause: parsed.error });
}

/** A table from the entry's text, without the copies that only instances know of. @throws OperationError when it is not one */
export function decodeTableText(text: string): OwnerTable {
  const { copies: _, ...table } = (json(text) ?? {}) as { copies?: unknown };
  return decodeTable(table);
}

/** As `decodeTableText`, with the copies of a service that hands sessions over. @throws OperationError */
export function decodeStoredText(text: string): OwnerTable | CopiedTable {
  return decodeStored(json(text));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OperationError('What is published for the routers is not JSON', { cause });
  }
}
