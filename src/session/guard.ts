/**
 * The one line in a server: every request of a user runs at the owner of the user's slot and nowhere else, waits while
 * the slot is frozen, and its answer goes out only while this instance may give it.
 */
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UserKey } from '../app/model.ts';
import { forward, forwardUpgrade, AUTHORIZATION, FORWARDED, type Forwarding } from './forward.ts';
import { holdAnswer } from './held-answer.ts';
import { now, type Instance } from './instance.ts';
import type { Admission, Run } from './keeper.ts';
import { QuietPeers } from './quiet-peers.ts';
import { requestKey, type RequestKey } from './request-key.ts';
import { answerPlainly, answerUnavailable, refuseUpgrade, SessionUnavailableError } from './unavailable.ts';
import type { Turned } from './waiting-room.ts';

/** Status "Service Restart" of WebSocket (RFC 6455, close frame; registered as 1012), unmasked as from a server. */
const CLOSE_1012 = Buffer.from([0x88, 0x02, 0x03, 0xf4]);

export interface GuardOptions {
  readonly instance: Instance;
  readonly key: UserKey;
  readonly token: string;
  readonly formatVersion: number;
}

/** Where a request is to go. */
type Way = Exclude<Admission, { to: 'wait' }>;

export class Guard {
  readonly #options: GuardOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #peers = new QuietPeers();
  #running = 0;
  #lastAt = -Infinity;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Requests that run. */
  get running(): number {
    return this.#running;
  }

  /** When a request came last; ms of the instance's clock. */
  get lastAt(): number {
    return this.#lastAt;
  }

  close(): void {
    this.#agent.destroy();
    this.#peers.close();
  }

  /** @param run called at once when the request is to run here, with its user if it names one */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    run: (user: string | undefined) => unknown,
  ): void {
    const user = requestKey(this.#options.key, request);
    if (user === undefined) return void run(undefined);
    this.#lastAt = now();
    if (user === 'invalid') return answerPlainly(response, 400, 'The name of the user is not UTF-8.');
    const way = this.#way(user, request);
    if (way !== undefined) return this.#go(way, { request, response, user, run });
    void this.#options.instance.waiting
      .until(user.slot, () => (response.destroyed ? 'left' : this.#way(user, request)))
      .then((way) => {
        if (way !== 'left') this.#go(way, { request, response, user, run });
      });
  }

  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    arrived: { head: Buffer; run: (user?: string) => void },
  ): void {
    const { head, run } = arrived;
    const user = requestKey(this.#options.key, request);
    if (user === undefined) return run();
    if (user === 'invalid') return refuseUpgrade(socket, 400);
    socket.once('error', () => void socket.destroy());
    void this.#options.instance.waiting
      .until(user.slot, () => (socket.destroyed ? 'left' : this.#way(user, request)))
      .then((way) => {
        if (way === 'left') return;
        if (way === 'late' || way === 'full' || way.to === 'nobody') return refuseUpgrade(socket, 503);
        if (way.to === 'forward')
          return forwardUpgrade(request, { socket, head }, this.#forwarding(way.owner.http));
        const { instance } = this.#options;
        const ended = instance.streams.add(user.slot, () => void socket.end(CLOSE_1012));
        socket.once('close', ended);
        run(user.key);
      });
  }

  /** Undefined: to wait. */
  #way({ slot }: RequestKey, request: IncomingMessage): Way | undefined {
    const { keeper } = this.#options.instance;
    const admission = keeper.admit(slot, now());
    if (admission.to === 'wait') return undefined;
    if (admission.to === 'run') return admission;
    const forwarded = this.#forwardedUnder(request) ?? 0;
    // Each hop knows a newer table than the one before, so that there is an end to it.
    if (keeper.epoch > forwarded) return admission;
    return keeper.epoch === forwarded ? { to: 'nobody' } : undefined;
  }

  #forwardedUnder({ headers }: IncomingMessage): number | undefined {
    const epoch = headers[FORWARDED];
    if (typeof epoch !== 'string' || headers[AUTHORIZATION] !== `Bearer ${this.#options.token}`)
      return undefined;
    return Number(epoch);
  }

  #go(way: Way | Turned, visit: Visit): void {
    const { response, request } = visit;
    if (way === 'late') return answerUnavailable(response, 'The session is being moved. Try again.');
    if (way === 'full') return answerUnavailable(response, 'Too many requests are waiting. Try again.');
    if (way.to === 'nobody')
      return answerUnavailable(response, 'Nobody has this session just now. Try again.');
    if (way.to !== 'forward') return this.#run(visit);
    const to = this.#forwarding(way.owner.http);
    forward(request, response, to, () => this.#goLater(visit, to.epoch));
  }

  /** Nobody was there by the table of this epoch: the next one says who is. */
  #goLater(visit: Visit, epoch: number): void {
    const { request, response, user } = visit;
    const { keeper, waiting } = this.#options.instance;
    const attempt = (): Way | 'left' | undefined => {
      if (response.destroyed) return 'left';
      return keeper.epoch > epoch ? this.#way(user, request) : undefined;
    };
    void waiting.until(user.slot, attempt).then((way) => {
      if (way !== 'left') this.#go(way, visit);
    });
  }

  #run({ response, user, run }: Visit): void {
    const { instance, formatVersion } = this.#options;
    const { keeper } = instance;
    const { slot, key } = user;
    if ((keeper.formatOf(slot, key) ?? 0) > formatVersion) {
      return answerUnavailable(response, 'The session was written by a newer version.');
    }
    const begun = keeper.begin(slot);
    const end = this.#counted(begun);
    holdAnswer(response, {
      mayAnswer: () => keeper.mayAnswer(begun, now()),
      decided: () => this.#decided(begun, response),
      onEventStream: () => {
        end();
        response.once(
          'close',
          instance.streams.add(slot, () => response.end()),
        );
      },
    });
    let parts = 1;
    const partEnded = (): void => {
      parts -= 1;
      if (parts === 0) end();
    };
    response.once('close', partEnded);
    const result = run(key);
    if (!(result instanceof Promise)) return;
    parts += 1;
    void result.catch((error: unknown) => fail(response, error)).finally(partEnded);
  }

  async #decided(begun: Run, response: ServerResponse): Promise<'yes' | 'no'> {
    const { keeper, waiting } = this.#options.instance;
    const attempt = (): 'yes' | 'no' | undefined => {
      const may = response.destroyed ? 'no' : keeper.mayAnswer(begun, now());
      return may === 'wait' ? undefined : may;
    };
    return (await waiting.until(begun.slot, attempt)) === 'yes' ? 'yes' : 'no';
  }

  /** Counts the request until the function that is returned is called. */
  #counted(run: Run): () => void {
    let isOver = false;
    this.#running += 1;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#running -= 1;
      this.#options.instance.keeper.end(run);
      if (this.#options.instance.waiting.size > 0) this.#options.instance.look();
    };
  }

  #forwarding(http: string): Forwarding {
    return {
      http,
      epoch: this.#options.instance.keeper.epoch,
      token: this.#options.token,
      agent: this.#agent,
      peers: this.#peers,
    };
  }
}

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly user: RequestKey;
  readonly run: (user: string | undefined) => unknown;
}

/** A handler that lets the store's own failure through is answered for; any other failure is its own. */
function fail(response: ServerResponse, error: unknown): void {
  if (!(error instanceof SessionUnavailableError)) throw error;
  answerUnavailable(response, error.message);
}
