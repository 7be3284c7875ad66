/**
 * One run: instances, two controllers, routers with tables of their own and clients, in a network that delays, drops and
 * reorders, on clocks that disagree, while processes are frozen, cut off and killed.
 */
import { Keeper, type KeeperOptions } from '../../../src/session/keeper.ts';
import { History } from './history.ts';
import { SimulatedController, type Cluster } from './simulated-controller.ts';
import { SimulatedInstance, type Answer, type Request, type Surroundings } from './simulated-instance.ts';
import { TableStore, type StoredTable } from './stored-table.ts';
import { Process, World } from './world.ts';

const SLOTS = 3;
const KEYS_PER_SLOT = 2;
const START_MS = 3000;
const CHAOS_MS = 12_000;
const HEAL_MS = 13_000;
const READ_MS = 5000;
/** By then an end is known, and nothing is under way any more that was begun without knowing it. */
const NOTICED_MS = 2500;
const CLIENT_TIMEOUT_MS = 2500;
const IDLE_MS = 10 * 60_000;

export interface SimulationOptions {
  /**
   * `single`: instances are killed too, but a fault comes only after all copies are restored, so nothing may be lost.
   * `many`: faults overlap; none is a kill, so nothing may be lost either.
   * `deaf`: one instance after the other is cut off from the controllers, but not from its users and the others.
   */
  readonly faults: 'single' | 'many' | 'deaf';
  /** Something that does it wrong, to see that it is caught. */
  readonly makeKeeper?: (options: KeeperOptions) => Keeper;
}

interface Router {
  readonly process: Process;
  table: StoredTable;
}

class Simulation {
  readonly world: World;
  readonly history = new History();
  readonly store = new TableStore(SLOTS);
  readonly instances: SimulatedInstance[] = [];
  readonly #options: SimulationOptions;
  readonly #controllers: SimulatedController[];
  readonly #routers: Router[];
  readonly #endKnown = new Map<string, number>();
  #started = 0;
  #requests = 0;
  #isChaos = true;
  /** All copies have been in place at some time since the last fault that took one away. */
  #isRestored = false;
  #repairs = 0;
  #isCut = false;
  #lastKill = -Infinity;

  constructor(seed: number, options: SimulationOptions) {
    this.#options = options;
    this.world = new World(seed, { drop: 0.01, slow: 0.05, slowest: 1500 });
    const { world } = this;
    for (const id of ['a', 'b', 'c']) this.#start(id);
    const cluster: Cluster = {
      world,
      store: this.store,
      instances: this.instances,
      isKnownEnded: (incarnation) => (this.#endKnown.get(incarnation) ?? Infinity) <= world.now,
      onRepair: () => {
        this.#repairs += 1;
        return {
          end: () => {
            this.#repairs -= 1;
            this.#isRestored = false;
          },
        };
      },
      routers: () => this.#routers,
    };
    this.#routers = ['r1', 'r2'].map((name) => ({
      process: new Process(world, name),
      table: this.store.current,
    }));
    this.#controllers = ['c1', 'c2'].map((name) => new SimulatedController(cluster, name));
  }

  run(): History {
    const { world } = this;
    world.runUntil(START_MS);
    for (let n = 0; n < 6; n += 1) this.#client(new Process(world, `u${n}`));
    this.#fault();
    world.runUntil(START_MS + CHAOS_MS);
    this.#isChaos = false;
    for (const controller of this.#controllers) controller.isRestless = false;
    world.weather = { drop: 0, slow: 0, slowest: 0 };
    world.runUntil(START_MS + CHAOS_MS + HEAL_MS);
    this.#readAll();
    world.runUntil(START_MS + CHAOS_MS + HEAL_MS + READ_MS);
    return this.history;
  }

  #start(id: string): void {
    this.#started += 1;
    const incarnation = `${id}${this.#started}`;
    const options = { id, incarnation, idleMs: IDLE_MS };
    const keeper = this.#options.makeKeeper?.(options) ?? new Keeper(options);
    const around: Surroundings = {
      world: this.world,
      history: this.history,
      find: (wanted) => this.#alive().find(({ incarnation }) => incarnation === wanted),
    };
    this.instances.push(new SimulatedInstance(around, id, { incarnation, keeper }));
  }

  #alive(): SimulatedInstance[] {
    return this.instances.filter(({ process }) => process.isAlive);
  }

  // Faults

  #fault(): void {
    if (!this.#isChaos) return;
    const { random } = this.world;
    const isSingle = this.#options.faults === 'single';
    this.#isRestored ||= this.world.now > this.#lastKill + NOTICED_MS && this.#areAllCopied();
    if (isSingle && !this.#isCalm()) return this.world.after(20, () => this.#fault());
    this.world.after(isSingle ? random.between(100, 2500) : random.between(100, 2000), () => this.#fault());
    const victim = random.pick(this.#alive());
    if (victim === undefined) return;
    if (isSingle && random.chance(0.5)) this.#kill(victim);
    else this.#disturb(victim);
  }

  #disturb(victim: SimulatedInstance): void {
    const { random } = this.world;
    if (this.#options.faults === 'deaf') return this.#cutOff(victim, random.between(1000, 5000));
    const ms = random.chance(0.3) ? random.between(4000, 8000) : random.between(300, 4000);
    if (random.chance(0.5)) this.#freeze(victim.process, ms);
    else if (random.chance(0.2)) this.#freeze(random.pick(this.#controllers)?.process, ms);
    else this.#cutOff(victim, ms);
  }

  /** Nothing is wrong just now, and the copies have been restored since something was. */
  #isCalm(): boolean {
    const instances = this.#alive();
    return (
      this.#isRestored &&
      this.#repairs === 0 &&
      !this.#isCut &&
      instances.every(({ process }) => !process.isFrozen) &&
      this.#controllers.every(
        (controller) =>
          !controller.process.isFrozen &&
          !instances.some(({ incarnation }) => controller.isLost(incarnation)),
      )
    );
  }

  #areAllCopied(): boolean {
    const { epoch, rows } = this.store.current;
    const instances = this.#alive();
    const isMember = (member: string | undefined): boolean =>
      instances.some(({ incarnation }) => incarnation === member);
    return (
      rows.every(({ owner, second }) => isMember(owner) && isMember(second)) &&
      instances.every(({ keeper }) => {
        const state = keeper.state();
        return state.epoch === epoch && state.lacking.length === 0 && state.incomplete === 0;
      })
    );
  }

  #kill(victim: SimulatedInstance): void {
    const { random } = this.world;
    this.#isRestored = false;
    this.#lastKill = this.world.now;
    victim.process.kill();
    this.#endKnown.set(victim.incarnation, this.world.now + random.between(20, 1500));
    this.world.after(random.between(300, 3000), () => this.#start(victim.id));
  }

  #freeze(process: Process | undefined, ms: number): void {
    if (process === undefined || process.isFrozen) return;
    process.freeze();
    this.world.after(ms, () => process.thaw());
  }

  /** An instance alone or with a companion is cut off from all others, or from the controllers only. */
  #cutOff({ process }: SimulatedInstance, ms: number): void {
    if (this.#isCut) return;
    const { random } = this.world;
    const others = [...this.#alive(), ...this.#controllers, ...this.#routers].map(
      ({ process }) => process.name,
    );
    const company = random.chance(0.5) ? random.pick(others) : undefined;
    const isDeaf = this.#options.faults === 'deaf' || random.chance(0.5);
    const island = new Set([process.name, company]);
    const controllers = new Set(this.#controllers.map(({ process }) => process.name));
    this.#isCut = true;
    this.world.isCut = isDeaf
      ? (one, other) => one === process.name && controllers.has(other)
      : (one, other) => island.has(one) !== island.has(other);
    this.world.after(ms, () => {
      this.#isCut = false;
      this.world.isCut = () => false;
    });
  }

  // Users

  #client(process: Process): void {
    const { random } = this.world;
    if (!this.#isChaos) return;
    const slot = random.below(SLOTS);
    const key = `${slot}.${random.below(KEYS_PER_SLOT)}`;
    this.#request(process, { slot, key, appends: random.chance(0.6) }, () =>
      process.after(random.between(0, 250), () => this.#client(process)),
    );
  }

  #readAll(): void {
    const process = new Process(this.world, 'reader');
    for (let slot = 0; slot < SLOTS; slot += 1) {
      for (let n = 0; n < KEYS_PER_SLOT; n += 1) {
        const key = `${slot}.${n}`;
        this.#readUntilAnswered(process, { slot, key, appends: false });
      }
    }
  }

  #readUntilAnswered(process: Process, wanted: Omit<Request, 'id'>): void {
    this.#request(process, wanted, (isAnswered) => {
      if (isAnswered) this.history.readAtEnd(wanted.key);
      else process.after(100, () => this.#readUntilAnswered(process, wanted));
    });
  }

  #request(process: Process, wanted: Omit<Request, 'id'>, done: (isAnswered: boolean) => void): void {
    const router = this.world.random.pick(this.#routers);
    if (router === undefined) return;
    this.#requests += 1;
    const request = { ...wanted, id: this.#requests };
    const began = this.world.now;
    this.world.call<Answer>(
      { from: process, to: router.process, timeoutMs: CLIENT_TIMEOUT_MS },
      (reply) => this.#route(router, request, reply),
      (answer) => {
        const isAnswered = typeof answer === 'object';
        if (isAnswered)
          this.history.observe({ key: request.key, list: answer.list, began, ended: this.world.now });
        else this.history.refused();
        done(isAnswered);
      },
    );
  }

  #route(router: Router, request: Request, reply: (answer: Answer) => void): void {
    const owner = router.table.rows[request.slot]?.owner;
    const instance = this.#alive().find(({ incarnation }) => incarnation === owner);
    if (instance === undefined) return reply('refused');
    this.world.call<Answer>(
      { from: router.process, to: instance.process, timeoutMs: CLIENT_TIMEOUT_MS },
      (reply) => instance.serve(request, undefined, reply),
      (answer) => reply(answer ?? 'ran'),
    );
  }
}

/** Lets one run happen. @returns what was seen; to be checked */
export function simulate(seed: number, options: SimulationOptions): History {
  return new Simulation(seed, options).run();
}

/** How many keys are read at the end of a run, when all is well again. */
export const KEYS = SLOTS * KEYS_PER_SLOT;
