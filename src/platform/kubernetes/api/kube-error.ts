/**
 * What can go wrong with the API server, as its callers tell it apart: it answered with a refusal
 * (KubeApiError), or there was no usable answer and so nobody knows what happened (KubeUnreachable).
 */
import { OperationError } from '../../../app/failure.ts';
import type { ResourceType } from './kube-object.ts';

/** The parts of a `Status` object that are used (meta/v1). */
export interface KubeStatus {
  readonly message?: string;
  /** A word for programs: NotFound, AlreadyExists, Conflict, Expired, Forbidden, Invalid and others. */
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly group?: string;
    readonly causes?: readonly {
      readonly field?: string;
      readonly message?: string;
      readonly reason?: string;
    }[];
    readonly retryAfterSeconds?: number;
  };
}

/** The API server answered, and refused. */
export class KubeApiError extends OperationError {
  /** The HTTP status. */
  readonly code: number;
  readonly reason: string;
  readonly details: KubeStatus['details'];

  /** `attempt` completes "Cannot ...". */
  constructor(attempt: string, code: number, status: KubeStatus) {
    const reason = status.reason ?? 'Unknown';
    super(`Cannot ${attempt}: ${status.message ?? 'no reason given'} (${String(code)} ${reason})`);
    this.code = code;
    this.reason = reason;
    this.details = status.details;
  }
}

/** No usable answer came: a write may or may not have been done. `cause` has what was underneath. */
export class KubeUnreachable extends OperationError {}

function hasCode(error: unknown, code: number): error is KubeApiError {
  return error instanceof KubeApiError && error.code === code;
}

/** The object, its namespace or its type does not exist. */
export function isNotFound(error: unknown): error is KubeApiError {
  return hasCode(error, 404);
}

/** A precondition (resourceVersion, UID) did not hold: look again, plan again. */
export function isConflict(error: unknown): error is KubeApiError {
  return hasCode(error, 409) && error.reason === 'Conflict';
}

/** An object of this name exists already. */
export function alreadyExists(error: unknown): error is KubeApiError {
  return hasCode(error, 409) && error.reason === 'AlreadyExists';
}

/** The version asked for is no longer kept: list again. */
export function isGone(error: unknown): error is KubeApiError {
  return hasCode(error, 410);
}

/** A right is missing; the message says which, in the API server's words. */
export function isForbidden(error: unknown): error is KubeApiError {
  return hasCode(error, 403);
}

/** The namespace is being removed: nothing can be made in it any more. */
export function isNamespaceEnding(error: unknown): error is KubeApiError {
  const causes = isForbidden(error) ? error.details?.causes : undefined;
  return causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false;
}

/** The API server found the object itself wrong; the message says where. */
export function isInvalid(error: unknown): error is KubeApiError {
  return hasCode(error, 422) || hasCode(error, 400);
}

/** Longest part of a server's message that is repeated. */
const LONGEST_MESSAGE = 2_000;

/**
 * The error for an answer that is not 2xx. Of an invalid Secret only the names of the wrong fields are
 * repeated: the API server's own message can quote a value.
 */
export function refusal(attempt: string, code: number, body: Buffer, type?: ResourceType): KubeApiError {
  const status = readStatus(body, code);
  const mayQuote = type?.kind === 'Secret' && (code === 400 || code === 422 || code >= 500);
  const message = mayQuote ? withoutValues(status) : status.message?.slice(0, LONGEST_MESSAGE);
  return new KubeApiError(attempt, code, { ...status, ...(message === undefined ? {} : { message }) });
}

function withoutValues({ details }: KubeStatus): string {
  const fields = (details?.causes ?? []).flatMap(({ field }) => field ?? []);
  const where = fields.length === 0 ? '' : `wrong are ${fields.join(', ')}; `;
  return `${where}the reason is left out, because it can quote a value`;
}

function readStatus(body: Buffer, code: number): KubeStatus {
  const text = body.toString();
  const parsed = parseObject(text);
  if (parsed?.['kind'] === 'Status') return parsed;
  if (code === 404) {
    return { message: 'the cluster does not know this type of resource, or the path', reason: 'NoSuchPath' };
  }
  return { message: text.trim() };
}

/** The JSON object in a text, or undefined when it is anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // not JSON: the caller says what it expected
  }
}
