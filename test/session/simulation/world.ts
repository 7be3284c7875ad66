/**
 * Simulated time, processes and network. All chance comes from one seed, so a run can be repeated exactly. A process
 * has a clock of its own, can be frozen (what comes meanwhile is handled when it thaws) and killed.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  }

  /** At least 0, less than 1: Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** How the network treats messages. Delays in ms. */
export interface Weather {
  readonly drop: number;
  readonly slow: number;
  readonly slowest: number;
}

export class Process {
  readonly name: string;
  readonly #world: World;
  readonly #rate: number;
  readonly #offset: number;
  #isFrozen = false;
  #isAlive = true;
  #kept: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#rate = world.random.between(0.955, 1.045);
    this.#offset = world.random.between(-1e6, 1e6);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Its own clock, ms. */
  get now(): number {
    return this.#offset + this.#rate * this.#world.now;
  }

  /** Runs something in the process, now or when it thaws. */
  handle(run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isFrozen) this.#kept.push(run);
    else run();
  }

  after(ms: number, run: () => void): void {
    this.#world.after(ms / this.#rate, () => this.handle(run));
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  /** Everything that waited is handled in an order of chance. */
  thaw(): void {
    this.#isFrozen = false;
    const kept = this.#kept;
    this.#kept = [];
    while (kept.length > 0) kept.splice(this.#world.random.below(kept.length), 1)[0]?.();
  }

  kill(): void {
    this.#isAlive = false;
    this.#kept = [];
  }
}

export class World {
  readonly random: Random;
  now = 0;
  weather: Weather;
  /** Whether two processes, by name, can't talk. */
  isCut: (one: string, other: string) => boolean = () => false;
  readonly #heap: Event[] = [];
  #order = 0;

  constructor(seed: number, weather: Weather) {
    this.random = new Random(seed);
    this.weather = weather;
  }

  after(ms: number, run: () => void): void {
    this.#order += 1;
    push(this.#heap, { at: this.now + ms, order: this.#order, run });
  }

  /** Lets things happen until this time. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      pop(this.#heap);
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** A message, which may come late, out of order or never. */
  send(from: Process, to: Process, run: () => void): void {
    const { random, weather } = this;
    const isCut = (): boolean => this.isCut(from.name, to.name) || this.isCut(to.name, from.name);
    if (isCut() || random.chance(weather.drop)) return;
    const delay = random.chance(weather.slow) ? random.between(20, weather.slowest) : random.between(0.2, 5);
    this.after(delay, () => {
      if (!isCut()) to.handle(run);
    });
  }

  /** A request and its answer; undefined: none came in time, and the request may have been handled or still be. */
  call<A>(
    { from, to, timeoutMs }: { from: Process; to: Process; timeoutMs: number },
    serve: (reply: (answer: A) => void) => void,
    done: (answer: A | undefined) => void,
  ): void {
    let isDone = false;
    const finish = (answer: A | undefined): void => {
      if (isDone) return;
      isDone = true;
      done(answer);
    };
    this.send(from, to, () => serve((answer) => this.send(to, from, () => finish(answer))));
    from.after(timeoutMs, () => finish(undefined));
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    const isRight = left !== undefined && right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = last;
}
