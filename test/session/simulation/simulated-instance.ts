/** An instance: the real decisions, and around them what a server does, in simulated time. */
import type { Import } from '../../../src/session/carried.ts';
import type { Recipient } from '../../../src/session/hand-overs.ts';
import type { KeeperState } from '../../../src/session/keeper-state.ts';
import type { Admission, Keeper, Run } from '../../../src/session/keeper.ts';
import { WAIT_MS } from '../../../src/session/timing.ts';
import type { ToldTable } from '../../../src/session/told-table.ts';
import type { History } from './history.ts';
import { Process, type World } from './world.ts';

export interface Request {
  readonly id: number;
  readonly slot: number;
  readonly key: string;
  readonly appends: boolean;
}

/** `ran`: nobody knows what has become of it. */
export type Answer = { readonly list: readonly number[] } | 'refused' | 'ran';

/** What instances know of each other and of the outside. */
export interface Surroundings {
  readonly world: World;
  readonly history: History;
  /** Only instances that have not ended. */
  find(incarnation: string): SimulatedInstance | undefined;
}

export interface HandOver {
  readonly epoch: number;
  readonly slots: readonly number[];
  readonly recipient: Recipient;
}

const COPY_TIMEOUT_MS = 1000;
const TICK_MS = 200;
const FORWARD_TIMEOUT_MS = 8000;

export class SimulatedInstance {
  readonly process: Process;
  readonly id: string;
  readonly incarnation: string;
  readonly keeper: Keeper;
  readonly #around: Surroundings;
  #waiting: (() => boolean)[] = [];
  readonly #tickets = new Map<number, (isSettled: boolean) => void>();
  #ticket = 0;

  constructor(around: Surroundings, id: string, keeper: { incarnation: string; keeper: Keeper }) {
    this.#around = around;
    this.id = id;
    this.incarnation = keeper.incarnation;
    this.keeper = keeper.keeper;
    this.process = new Process(around.world, keeper.incarnation);
    this.#tick();
  }

  tell(table: ToldTable): void {
    this.keeper.tell(table, this.process.now);
    this.#look();
  }

  state(): KeeperState {
    return this.keeper.state();
  }

  /** A request of a user, from a router or, with an epoch, from another instance. */
  serve(request: Request, forwarded: number | undefined, reply: (answer: Answer) => void): void {
    const until = this.process.now + WAIT_MS;
    this.#wait(() => {
      const admission = this.keeper.admit(request.slot, this.process.now);
      if (admission.to === 'run') this.#run(request, reply);
      else if (admission.to === 'forward' && this.keeper.epoch > (forwarded ?? 0)) {
        this.#forward(request, admission.owner.incarnation, reply);
      } else if (this.process.now >= until || isHopeless(admission, this.keeper.epoch >= (forwarded ?? 0))) {
        reply('refused');
      } else return false;
      return true;
    });
  }

  handOver({ epoch, slots, recipient }: HandOver, reply: (answer: Import | undefined) => void): void {
    const frozen = this.keeper.freeze(epoch, slots, this.process.now);
    if (frozen === undefined) return reply(undefined);
    const until = this.process.now + WAIT_MS;
    this.#wait(() => {
      const busy = frozen.filter((slot) => !this.keeper.isReady(slot, recipient));
      if (busy.length > 0 && this.process.now < until) return false;
      this.keeper.leaveOut(epoch, busy);
      const quiet = frozen.filter((slot) => !busy.includes(slot));
      const sessions = this.keeper.export(epoch, quiet, { recipient, now: this.process.now });
      this.#sendImport(sessions, recipient.to, reply);
      return true;
    });
  }

  takeImport(sessions: Import): boolean {
    return this.keeper.import(sessions, this.process.now);
  }

  #sendImport(sessions: Import, to: string, reply: (answer: Import | undefined) => void): void {
    const target = this.#around.find(to);
    if (target === undefined || sessions.slots.length === 0) return reply(undefined);
    this.#around.world.call<boolean>(
      { from: this.process, to: target.process, timeoutMs: WAIT_MS },
      (reply) => reply(target.takeImport(sessions)),
      (isKept) => reply(isKept === true ? sessions : undefined),
    );
  }

  #forward(request: Request, to: string, reply: (answer: Answer) => void): void {
    const owner = this.#around.find(to);
    if (owner === undefined) return reply('refused');
    const { epoch } = this.keeper;
    this.#around.world.call<Answer>(
      { from: this.process, to: owner.process, timeoutMs: FORWARD_TIMEOUT_MS },
      (reply) => owner.serve(request, epoch, reply),
      (answer) => reply(answer ?? 'ran'),
    );
  }

  #run(request: Request, reply: (answer: Answer) => void): void {
    const { history, world } = this.#around;
    const { slot, id } = request;
    history.runs(id, slot, this.#term(slot));
    const run = this.keeper.begin(slot);
    const end = (answer: Answer): void => {
      if (typeof answer === 'object') history.answersUnder(slot, this.#term(slot));
      this.keeper.end(run);
      reply(answer);
      this.#look();
    };
    const finish = (list: readonly number[] | undefined): void => {
      if (list === undefined) return end('ran');
      const until = this.process.now + WAIT_MS;
      this.#wait(() => {
        const may = this.keeper.mayAnswer(run, this.process.now);
        if (may === 'wait' && this.process.now < until) return false;
        end(may === 'yes' ? { list } : 'ran');
        return true;
      });
    };
    const thinking = world.random.chance(world.weather.slow / 2)
      ? world.random.between(100, 3000)
      : world.random.between(0, 10);
    this.process.after(thinking, () => this.#use(request, (list) => this.#rest(run, () => finish(list))));
  }

  /** Some time between what is read and the answer. */
  #rest(_: Run, then: () => void): void {
    const { random } = this.#around.world;
    const { slow } = this.#around.world.weather;
    if (random.chance(0.7)) then();
    else this.process.after(random.chance(slow) ? random.between(100, 2500) : random.between(0, 10), then);
  }

  #use({ id, slot, key, appends }: Request, done: (list: readonly number[] | undefined) => void): void {
    const until = this.process.now + WAIT_MS;
    this.#wait(() => {
      const access = this.keeper.access(slot, this.process.now);
      if (access === 'wait' && this.process.now < until) return false;
      if (access !== 'open') {
        done(undefined);
        return true;
      }
      const { now } = this.process;
      const list = JSON.parse(this.keeper.read(slot, key, now)?.text ?? '[]') as number[];
      this.#ticket += 1;
      const ticket = this.#ticket;
      const text = JSON.stringify([...list, id]);
      const waits = appends
        ? this.keeper.write(slot, key, { text, formatVersion: 1, ticket, now })
        : this.keeper.await(slot, key, ticket);
      const result = appends ? [...list, id] : list;
      if (waits) this.#tickets.set(ticket, (isSettled) => done(isSettled ? result : undefined));
      else done(result);
      return true;
    });
  }

  #term(slot: number): number {
    return this.keeper.table?.terms[slot] ?? 0;
  }

  /** Looks now, and again whenever something has happened, until it is done. */
  #wait(attempt: () => boolean): void {
    this.#waiting.push(attempt);
    this.#look();
  }

  #look(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const attempt of waiting) if (!attempt()) this.#waiting.push(attempt);
    for (const peer of this.keeper.peers()) this.#copy(peer);
    const { settled, lost } = this.keeper.takeNews();
    for (const ticket of settled) this.#end(ticket, true);
    for (const ticket of lost) this.#end(ticket, false);
  }

  #end(ticket: number, isSettled: boolean): void {
    const done = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    done?.(isSettled);
  }

  #copy(to: string): void {
    const peer = this.#around.find(to);
    const copy = this.keeper.nextCopy(to, this.process.now);
    if (copy === undefined) return;
    const failed = (): void => this.#copied(to, copy.sequence, undefined);
    if (peer === undefined) return this.process.after(1, failed);
    this.#around.world.call<ReturnType<Keeper['takeCopy']>>(
      { from: this.process, to: peer.process, timeoutMs: COPY_TIMEOUT_MS },
      (reply) => reply(peer.takeCopy(copy)),
      (answer) => this.#copied(to, copy.sequence, answer),
    );
  }

  takeCopy(copy: Parameters<Keeper['takeCopy']>[0]): ReturnType<Keeper['takeCopy']> {
    return this.keeper.takeCopy(copy, this.process.now);
  }

  #copied(to: string, sequence: number, answer: ReturnType<Keeper['takeCopy']>): void {
    const gap = this.keeper.copyAnswered(to, sequence, { answer, now: this.process.now });
    const peer = this.#around.find(to);
    if (peer !== undefined && gap !== undefined) this.#gossip(peer, gap);
    this.#look();
  }

  #gossip(peer: SimulatedInstance, gap: 'behind' | 'ahead'): void {
    const { world } = this.#around;
    const { table } = this.keeper;
    if (gap === 'behind' && table !== undefined)
      world.send(this.process, peer.process, () => peer.tell(table));
    if (gap === 'behind') return;
    world.send(this.process, peer.process, () => {
      const newer = peer.keeper.table;
      if (newer !== undefined) world.send(peer.process, this.process, () => this.tell(newer));
    });
  }

  #tick(): void {
    this.#look();
    this.process.after(TICK_MS, () => this.#tick());
  }
}

/** A forwarded request waits for the table of who forwarded it, and no longer. */
function isHopeless({ to }: Admission, isTableKnown: boolean): boolean {
  return to !== 'wait' && isTableKnown;
}
