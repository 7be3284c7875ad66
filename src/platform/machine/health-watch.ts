/**
 * Watches one instance's readiness and liveness. Asks often until it is ready for the first time, then
 * every other second. One failed answer is no verdict: only several in a row change what is reported.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Health } from '../../app/model.ts';
import { probe } from './probe.ts';

export interface HealthReport {
  /** Undefined until the first answer. */
  readonly ready?: boolean;
  readonly hung: boolean;
  /** When `ready` last changed; ms since the epoch. */
  readonly since: number;
  /** What the last failed probe said. */
  readonly problem?: string;
}

/** Pauses in ms between questions. */
export interface Pace {
  /** Until it is ready for the first time. */
  readonly starting: number;
  readonly ready: number;
  /** For the liveness of an instance that is ready. */
  readonly live: number;
}

const PACE: Pace = { starting: 50, ready: 2_000, live: 10_000 };
/** Failures in a row after which a ready instance counts as unready, and a live one as hung. */
const UNREADY_AFTER = 2;
const HUNG_AFTER = 3;

export class HealthWatch {
  readonly #address: { host: string; port: number };
  readonly #health: Health;
  readonly #onChange: () => void;
  readonly #pace: Pace;
  readonly #end = new AbortController();
  #report: HealthReport = { hung: false, since: Date.now() };
  #wasReady = false;
  #readyMisses = 0;
  #liveMisses = 0;
  /** When the liveness path was asked last; ms since the epoch. */
  #askedForLife = 0;

  constructor(
    address: { host: string; port: number },
    health: Health,
    onChange: () => void,
    pace: Pace = PACE,
  ) {
    this.#address = address;
    this.#health = health;
    this.#onChange = onChange;
    this.#pace = pace;
    void this.#run();
  }

  get report(): HealthReport {
    return this.#report;
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#look();
      const pause = this.#wasReady ? this.#pace.ready : this.#pace.starting;
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const unready = await probe(this.#address, this.#health.ready);
    const dead = this.#asksForLife(unready) ? await this.#askForLife() : undefined;
    if (this.#end.signal.aborted) return;
    this.#readyMisses = unready === undefined ? 0 : this.#readyMisses + 1;
    this.#liveMisses = dead === undefined ? 0 : this.#liveMisses + 1;
    this.#conclude(unready ?? dead);
  }

  /** What answers its readiness path is most likely alive: then it is asked seldom, otherwise each time. */
  #asksForLife(unready: string | undefined): boolean {
    const due = Date.now() - this.#askedForLife >= this.#pace.live;
    return due || unready !== undefined || this.#liveMisses > 0;
  }

  async #askForLife(): Promise<string | undefined> {
    const { live } = this.#health;
    this.#askedForLife = Date.now();
    return live === undefined ? undefined : probe(this.#address, live);
  }

  #conclude(problem: string | undefined): void {
    const before = this.#report;
    const isReady = this.#readyMisses === 0;
    const keeps = before.ready === true && this.#readyMisses < UNREADY_AFTER;
    const ready = isReady || keeps;
    this.#wasReady ||= ready;
    const hung = this.#liveMisses >= HUNG_AFTER;
    const changed = ready !== before.ready || hung !== before.hung;
    const since = ready === before.ready ? before.since : Date.now();
    this.#report = { ready, hung, since, ...(problem === undefined ? {} : { problem }) };
    if (changed) this.#onChange();
  }
}
