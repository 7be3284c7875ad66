/**
 * `holdfast/session`: sessions in memory that survive. A session is a JSON value under the name of its user; it is handed
 * out as a copy, and changes by `set`, `update` and `delete` only. A change that was acknowledged is at two instances.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { OperationError, UserError } from '../app/failure.ts';
import type { CarriedSession } from './carried.ts';
import { Guard } from './guard.ts';
import { createInstanceServer } from './instance-server.ts';
import { Instance, now } from './instance.ts';
import { PeerClient } from './peer-client.ts';
import { settingsFrom, type SessionSettings } from './settings.ts';
import { slotOf } from './slot.ts';
import { WAIT_MS } from './timing.ts';
import { SessionUnavailableError } from './unavailable.ts';

/** The longest value, in characters of JSON. */
const VALUE_CHARACTERS = 8 * 1024 * 1024;
/** How often a leaving instance looks whether it may end, in ms. */
const LEAVING_MS = 100;
/** No request of a user for so long means that the routers send none any more. */
const QUIET_MS = 500;

export interface SessionOptions<Value> {
  /** Of the values; a whole number from 1 on, one more with each change of their form. */
  readonly formatVersion?: number;
  /** Makes a value of this version from one of an older version. Needed from version 2 on. */
  readonly upgrade?: (value: unknown, from: number) => Value;
}

/** The session of one user. */
export interface UserSession<Value> {
  readonly user: string;
  get(): Promise<Value | undefined>;
  set(value: Value): Promise<void>;
  update(change: (value: Value | undefined) => Value | undefined): Promise<Value | undefined>;
  delete(): Promise<void>;
}

/** `session` is undefined for a request that names no user. */
export type SessionHandler<Value> = (
  request: IncomingMessage,
  response: ServerResponse,
  session: UserSession<Value> | undefined,
) => unknown;

export type SessionUpgradeHandler<Value> = (
  request: IncomingMessage,
  socket: Duplex,
  arrived: { readonly head: Buffer; readonly session: UserSession<Value> | undefined },
) => void;

/** Starts an instance by what its environment says: the one place that reads it. @throws UserError */
export function sessionsFromEnvironment<Value>(options: SessionOptions<Value> = {}): Sessions<Value> {
  return createSessions(options, settingsFrom(process.env));
}

/** Starts an instance. It takes part from now on, as soon as `ready` is resolved. @throws UserError */
export function createSessions<Value>(
  options: SessionOptions<Value>,
  settings: SessionSettings,
): Sessions<Value> {
  const { formatVersion = 1, upgrade } = options;
  if (!Number.isSafeInteger(formatVersion) || formatVersion < 1) {
    throw new UserError('formatVersion of the sessions must be a whole number from 1 on');
  }
  if (formatVersion > 1 && upgrade === undefined) {
    throw new UserError(
      `formatVersion ${formatVersion} of the sessions needs upgrade, for values of older versions`,
    );
  }
  return new Sessions({ formatVersion, upgrade }, settings);
}

interface Format<Value> {
  readonly formatVersion: number;
  readonly upgrade: ((value: unknown, from: number) => Value) | undefined;
}

export class Sessions<Value> {
  /** Resolved when other instances and the controller can reach this one. */
  readonly ready: Promise<void>;
  readonly #format: Format<Value>;
  readonly #settings: SessionSettings;
  readonly #instance: Instance;
  readonly #guard: Guard;
  readonly #server: Server | undefined;

  /** Use `createSessions`. */
  constructor(format: Format<Value>, settings: SessionSettings) {
    this.#format = format;
    this.#settings = settings;
    const { participation, idleMs, key } = settings;
    const { formatVersion } = format;
    const token = participation?.token ?? '';
    this.#instance = new Instance({
      id: participation?.instance ?? 'alone',
      idleMs,
      ...(participation === undefined ? {} : { peers: new PeerClient(token) }),
    });
    const instance = this.#instance;
    this.#guard = new Guard({ instance, key, token, formatVersion });
    if (participation === undefined) {
      this.ready = Promise.resolve();
      return;
    }
    const upgrade = (session: CarriedSession): CarriedSession => this.#upgraded(session);
    this.#server = createInstanceServer({ instance, token, formatVersion, upgrade });
    this.#server.listen(participation.port, participation.host);
    this.ready = once(this.#server, 'listening').then(() => undefined);
  }

  /** The port of the interface for the controller and for other instances; undefined while there is none. */
  get port(): number | undefined {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port;
  }

  /** For `createServer`: runs `handler` only where and while it may run. */
  serve(handler: SessionHandler<Value>): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) =>
      this.#guard.request(request, response, (user) => handler(request, response, this.#of(user)));
  }

  /** For the event `upgrade` of the server: a WebSocket is closed with 1012 when its user's session moves. */
  serveUpgrade(
    handler: SessionUpgradeHandler<Value>,
  ): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
    return (request, socket, head) =>
      this.#guard.upgrade(request, socket, {
        head,
        run: (user) => handler(request, socket, { head, session: this.#of(user) }),
      });
  }

  /** The value, as a copy; undefined: there is no session. Waits for what is being written. */
  async get(user: string): Promise<Value | undefined> {
    const { text, ticket } = await this.#at(user, (slot) => {
      const session = this.#read(slot, user);
      const ticket = this.#instance.tickets.next();
      const waits = this.#instance.keeper.await(slot, user, ticket);
      return { text: session, ticket: waits ? ticket : undefined };
    });
    await this.#settled(user, ticket);
    return text === undefined ? undefined : (JSON.parse(text) as Value);
  }

  /** Resolves when the change can't be lost any more by the crash of one instance. */
  async set(user: string, value: Value): Promise<void> {
    const text = toText(value);
    await this.#settled(user, await this.#at(user, (slot) => this.#write(slot, user, text)));
  }

  async delete(user: string): Promise<void> {
    await this.#settled(user, await this.#at(user, (slot) => this.#write(slot, user, undefined)));
  }

  /**
   * Changes a value in one step.
   * @param change gets a copy and returns the new value, or undefined to end the session; it must not be async
   * @returns the new value
   */
  async update(
    user: string,
    change: (value: Value | undefined) => Value | undefined,
  ): Promise<Value | undefined> {
    const { result, ticket } = await this.#at(user, (slot) => {
      const before = this.#read(slot, user);
      const result = change(before === undefined ? undefined : (JSON.parse(before) as Value));
      const text = result === undefined ? undefined : toText(result);
      return { result, ticket: this.#write(slot, user, text) };
    });
    await this.#settled(user, ticket);
    return result;
  }

  /**
   * To be waited for after SIGTERM, before the server is closed: others have all sessions and no request comes any more,
   * or the drain time is over. Until then the instance goes on serving.
   */
  async left(): Promise<void> {
    const until = now() + this.#settings.drainMs;
    const isNeeded = (): boolean =>
      (this.#server !== undefined && this.#instance.isNamed()) ||
      this.#guard.running > 0 ||
      now() - this.#guard.lastAt < QUIET_MS;
    while (isNeeded() && now() < until) {
      await new Promise((resolve) => setTimeout(resolve, LEAVING_MS));
    }
  }

  /** Ends taking part, at once. */
  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#instance.close();
    this.#guard.close();
  }

  #of(user: string | undefined): UserSession<Value> | undefined {
    if (user === undefined) return undefined;
    return {
      user,
      get: () => this.get(user),
      set: (value) => this.set(user, value),
      update: (change) => this.update(user, change),
      delete: () => this.delete(user),
    };
  }

  /** Does something with the user's slot as soon as it may be done, in one turn of the event loop. */
  async #at<T extends object | number | undefined>(user: string, act: (slot: number) => T): Promise<T> {
    const slot = slotOf(user);
    const attempt = (): { done: T } | 'elsewhere' | undefined => {
      const access = this.#instance.keeper.access(slot, now());
      if (access === 'elsewhere') return access;
      return access === 'open' ? { done: act(slot) } : undefined;
    };
    const found = attempt() ?? (await this.#instance.waiting.until(slot, attempt));
    if (typeof found === 'object') return found.done;
    throw new SessionUnavailableError(UNAVAILABLE[found]);
  }

  #read(slot: number, user: string): string | undefined {
    const session = this.#instance.keeper.read(slot, user, now());
    if (session === undefined) return undefined;
    const { formatVersion, text } = session;
    if (formatVersion === this.#format.formatVersion) return text;
    return this.#upgraded({ slot, key: user, text, formatVersion, unused: 0 }, true).text;
  }

  #write(slot: number, user: string, text: string | undefined): number | undefined {
    const { tickets, keeper } = this.#instance;
    const ticket = tickets.next();
    const { formatVersion } = this.#format;
    const waits = keeper.write(slot, user, { text, formatVersion, ticket, now: now() });
    if (waits) this.#instance.due();
    return waits ? ticket : undefined;
  }

  async #settled(user: string, ticket: number | undefined): Promise<void> {
    if (ticket === undefined) return;
    this.#instance.due();
    const end = await this.#instance.tickets.wait(ticket);
    if (end === 'settled') return;
    const second = this.#instance.keeper.secondOf(slotOf(user))?.id ?? 'the second owner';
    const reason =
      end === 'lost'
        ? 'it has moved to another instance meanwhile'
        : `${second} has not acknowledged it for ${WAIT_MS / 1000} s`;
    throw new SessionUnavailableError(
      `nobody knows yet whether the session is as it was written: ${reason}`,
      'unknown',
    );
  }

  /** @param isNeeded there is nobody to keep a newer one for */
  #upgraded(session: CarriedSession, isNeeded = false): CarriedSession {
    const { formatVersion, upgrade } = this.#format;
    if (session.formatVersion === formatVersion) return session;
    if (session.formatVersion > formatVersion) {
      if (!isNeeded) return session;
      throw new SessionUnavailableError('the session was written by a newer version');
    }
    try {
      const value = upgrade?.(JSON.parse(session.text), session.formatVersion);
      return { ...session, formatVersion, text: toText(value) };
    } catch (cause) {
      throw new OperationError(
        `A session of format ${session.formatVersion} cannot be upgraded to format ${formatVersion}`,
        { cause },
      );
    }
  }
}

const UNAVAILABLE = {
  elsewhere: 'the session is at another instance',
  late: 'the session could not be reached in time',
  full: 'too many wait for their sessions',
} as const;

function toText(value: unknown): string {
  const text: unknown = JSON.stringify(value);
  if (typeof text !== 'string' || value instanceof Promise) {
    throw new UserError('A session must be a JSON value; undefined from update, or delete, ends it');
  }
  if (text.length > VALUE_CHARACTERS) {
    throw new UserError(`A session must not have more than ${VALUE_CHARACTERS} characters of JSON`);
  }
  return text;
}
