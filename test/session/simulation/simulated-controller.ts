/**
 * A controller, as docs/hand-over.md wants it: it repairs what an instance's end or silence has left, moves slots about
 * at random, and tells the table. Two of them work at once; the store's compare-and-swap is all that is between them.
 */
import type { Import } from '../../../src/session/carried.ts';
import type { Recipient } from '../../../src/session/hand-overs.ts';
import type { KeeperState } from '../../../src/session/keeper-state.ts';
import type { SimulatedInstance } from './simulated-instance.ts';
import type { TestRow as Row, TestSeat as Assignment } from '../support/table.ts';
import { toldTable, type StoredTable, type TableStore } from './stored-table.ts';
import { Process, type World } from './world.ts';

const STEP_MS = 300;
const CALL_MS = 1500;
const HAND_OVER_MS = { owner: 11_000, second: 2500 };
/** A slot that stays frozen for longer was forgotten by whoever froze it. */
const FORGOTTEN_MS = 3000;

export interface Cluster {
  readonly world: World;
  readonly store: TableStore;
  /** All that were ever started, and when they ended. */
  readonly instances: readonly SimulatedInstance[];
  /** Whether it is known by now that an instance has ended. */
  isKnownEnded(incarnation: string): boolean;
  /** A member is to be taken away because it has ended or is silent; the table is published or not at `end`. */
  onRepair(): { end(): void };
  routers(): readonly { readonly process: Process; table: StoredTable }[];
}

export class SimulatedController {
  readonly process: Process;
  readonly #cluster: Cluster;
  readonly #heard = new Map<string, number>();
  readonly #frozenSince = new Map<string, number>();
  /** Moves slots that need not move. */
  isRestless = true;
  #isBusy = false;
  /** Silence after which an instance is taken for lost. */
  readonly #suspectMs: number;

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.#suspectMs = cluster.world.random.between(800, 3000);
    this.process = new Process(cluster.world, name);
    this.#step();
  }

  /** Those that this controller has not heard of for a while, or knows to have ended. */
  isLost(incarnation: string): boolean {
    const heard = this.#heard.get(incarnation);
    return (
      this.#cluster.isKnownEnded(incarnation) ||
      (heard !== undefined && this.process.now - heard > this.#suspectMs)
    );
  }

  #step(): void {
    this.process.after(this.#cluster.world.random.between(0.5, 1.5) * STEP_MS, () => this.#step());
    this.#ask();
    this.#tellAll();
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#act(() => (this.#isBusy = false));
  }

  #act(done: () => void): void {
    const { store, world } = this.#cluster;
    const read = store.current;
    for (const [slot, row] of read.rows.entries()) {
      if (this.#needsRepair(row)) return this.#repair(read, slot, done);
    }
    const joined = this.#joined(read);
    if (joined) return this.#publish(read, new Map(), done);
    if ([...this.#frozenSince.values()].some((since) => this.process.now - since > FORGOTTEN_MS)) {
      this.#frozenSince.clear();
      return this.#publish(read, new Map(), done);
    }
    if (this.isRestless && world.random.chance(0.4)) return this.#move(read, done);
    done();
  }

  #joined({ members }: StoredTable): boolean {
    return this.#good().some(
      ({ incarnation }) => !members.some((member) => member.incarnation === incarnation),
    );
  }

  #needsRepair({ owner, second }: Row): boolean {
    const isWhole =
      owner !== undefined && !this.isLost(owner) && second !== undefined && !this.isLost(second);
    return !isWhole;
  }

  /** By the rules of the specification: who is merely silent may be alive, and who is lost may be all that there is. */
  #repair(read: StoredTable, slot: number, done: () => void): void {
    const row = read.rows[slot];
    if (row === undefined) return done();
    const { owner, second } = row;
    if (owner !== undefined && !this.isLost(owner)) return this.#renewSecond(read, { owner, second }, done);
    const repair = this.#cluster.onRepair();
    this.#replaceOwner(read, slot, () => {
      repair.end();
      done();
    });
  }

  #replaceOwner(read: StoredTable, slot: number, done: () => void): void {
    const { owner, second } = read.rows[slot] ?? {};
    if (second !== undefined && !this.isLost(second)) return this.#promote(read, slot, done);
    const isEnded = [owner, second].every(
      (member) => member === undefined || this.#cluster.isKnownEnded(member),
    );
    const next = this.#other([]);
    if (!isEnded || next === undefined) return done();
    this.#assign(read, slot, { assignment: { owner: next, second: this.#other([next]) }, done });
  }

  /** Through the owner, which has to be alive for it. */
  #renewSecond(
    read: StoredTable,
    { owner, second }: { owner: string; second: string | undefined },
    done: () => void,
  ): void {
    const to = this.#other([owner, second]);
    const slots = slotsOf(read, { owner, second });
    if (to !== undefined) {
      return this.#handOver(read, { owner, slots, to, as: 'second', after: { owner, second: to } }, done);
    }
    const slot = slots[0];
    if (second === undefined || slot === undefined) return done();
    const repair = this.#cluster.onRepair();
    this.#askState(owner, (state) => {
      repair.end();
      if (state === undefined) return done();
      this.#assign(read, slot, { assignment: { owner, second: undefined }, done });
    });
  }

  #promote(read: StoredTable, slot: number, done: () => void): void {
    const { owner, second, secondSince } = read.rows[slot] ?? {};
    if (second === undefined || secondSince === undefined) return done();
    this.#askState(second, (state) => {
      if (state === undefined) return done();
      const isCurrent = state.epoch >= secondSince && !state.lacking.includes(slot);
      const isHopeless =
        state.epoch >= read.epoch && owner !== undefined && this.#cluster.isKnownEnded(owner);
      if (!isCurrent && !isHopeless) return done();
      this.#assign(read, slot, { assignment: { owner: second, second: this.#other([second]) }, done });
    });
  }

  #assign(
    read: StoredTable,
    slot: number,
    { assignment, done }: { readonly assignment: Assignment; readonly done: () => void },
  ): void {
    const repair = this.#cluster.onRepair();
    this.#publish(read, new Map([[slot, assignment]]), () => {
      repair.end();
      done();
    });
  }

  #move(read: StoredTable, done: () => void): void {
    const { random } = this.#cluster.world;
    const { owner, second } = read.rows[random.below(read.rows.length)] ?? {};
    if (owner === undefined) return done();
    const slots = slotsOf(read, { owner, second });
    if (second !== undefined && random.chance(0.3)) {
      const after = { owner: second, second: owner };
      return this.#handOver(read, { owner, slots, to: second, as: 'owner', after }, done);
    }
    const to = this.#other([owner, second]);
    if (to === undefined) return done();
    const as = random.chance(0.4) ? 'second' : 'owner';
    const after = as === 'second' ? { owner, second: to } : { owner: to, second };
    this.#handOver(read, { owner, slots, to, as, after }, done);
  }

  #handOver(read: StoredTable, plan: HandOverPlan, done: () => void): void {
    const { world } = this.#cluster;
    const instance = this.#find(plan.owner);
    if (instance === undefined) return done();
    const epoch = read.epoch + 1;
    world.call<Import | undefined>(
      { from: this.process, to: instance.process, timeoutMs: HAND_OVER_MS[plan.as] },
      (reply) => instance.handOver({ epoch, slots: plan.slots, recipient: plan }, reply),
      (answer) => {
        // Sometimes a controller ends here, and another one has to see what was left frozen.
        if (world.random.chance(0.1)) return done();
        const slots = answer?.slots ?? [];
        const after = this.#safeAfter(plan);
        this.#publish(read, new Map(slots.map((slot) => [slot, after])), done);
      },
    );
  }

  /** When the second owner is lost meanwhile, the old owner stays a member. */
  #safeAfter({ as, owner, to, after }: HandOverPlan): Assignment {
    const isSecondLost = after.second === undefined || this.isLost(after.second);
    return as === 'owner' && isSecondLost ? { owner: to, second: owner } : after;
  }

  #publish(read: StoredTable, rows: ReadonlyMap<number, Assignment>, done: () => void): void {
    const { store, world } = this.#cluster;
    this.process.after(world.random.between(0, 30), () => {
      const good = this.#good();
      const used = new Set([...read.rows, ...rows.values()].flatMap(({ owner, second }) => [owner, second]));
      const members = this.#cluster.instances
        .filter((instance) => used.has(instance.incarnation) || good.includes(instance))
        .map(({ id, incarnation }) => ({ id, incarnation, url: id, http: id }));
      const gone = new Set(
        this.#cluster.instances
          .map(({ incarnation }) => incarnation)
          .filter((incarnation) => this.#cluster.isKnownEnded(incarnation)),
      );
      store.publish(read.epoch, { rows, members, gone });
      this.#tellAll();
      done();
    });
  }

  #tellAll(): void {
    const { store, instances, world } = this.#cluster;
    const stored = store.current;
    if (stored.epoch === 0) return;
    const table = toldTable(stored);
    for (const instance of instances) {
      if (instance.process.isAlive && instance.keeper.epoch < stored.epoch) {
        world.send(this.process, instance.process, () => instance.tell(table));
      }
    }
    for (const router of this.#cluster.routers()) {
      if (router.table.epoch >= stored.epoch || world.random.chance(0.3)) continue;
      world.send(this.process, router.process, () => {
        if (stored.epoch > router.table.epoch) router.table = stored;
      });
    }
  }

  #ask(): void {
    for (const instance of this.#cluster.instances) {
      const { incarnation } = instance;
      if (!instance.process.isAlive) continue;
      if (!this.#heard.has(incarnation)) this.#heard.set(incarnation, this.process.now - this.#suspectMs - 1);
      this.#askState(incarnation, (state) => {
        if (state === undefined) return;
        this.#heard.set(incarnation, this.process.now);
        if (state.frozenFor <= this.#cluster.store.current.epoch) this.#frozenSince.delete(incarnation);
        else if (!this.#frozenSince.has(incarnation)) this.#frozenSince.set(incarnation, this.process.now);
      });
    }
  }

  #askState(incarnation: string, done: (state: KeeperState | undefined) => void): void {
    const instance = this.#find(incarnation);
    if (instance === undefined) return done(undefined);
    const call = { from: this.process, to: instance.process, timeoutMs: CALL_MS };
    this.#cluster.world.call<KeeperState>(call, (reply) => reply(instance.state()), done);
  }

  #find(incarnation: string): SimulatedInstance | undefined {
    return this.#cluster.instances.find((instance) => instance.incarnation === incarnation);
  }

  #good(): SimulatedInstance[] {
    return this.#cluster.instances.filter(
      ({ process, incarnation }) =>
        process.isAlive && this.#heard.has(incarnation) && !this.isLost(incarnation),
    );
  }

  #other(not: readonly (string | undefined)[]): string | undefined {
    return this.#cluster.world.random.pick(
      this.#good().filter(({ incarnation }) => !not.includes(incarnation)),
    )?.incarnation;
  }
}

function slotsOf({ rows }: StoredTable, { owner, second }: Assignment): number[] {
  return [...rows.keys()].filter((slot) => rows[slot]?.owner === owner && rows[slot]?.second === second);
}

interface HandOverPlan extends Recipient {
  readonly owner: string;
  readonly slots: readonly number[];
  readonly after: Assignment;
}
