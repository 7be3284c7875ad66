/**
 * Keeps HAProxy as it should be: in rounds it looks at what is published and seen and at what HAProxy says,
 * and carries the plan out. A round looks only at the present, so nothing is lost when one fails. Files are
 * written before the running HAProxy is changed; one that dies is started again from them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../../../app/failure.ts';
import { HaproxyRouter, type ObservedRouter } from '../../../routing/haproxy-router.ts';
import { PINS_TIMEOUT, reloadInto } from '../../../routing/reload.ts';
import { RouterFiles } from '../../../routing/router-files.ts';
import { hasPins, type RouterSpec } from '../../../routing/router-spec.ts';
import { RuntimeSocket } from '../../../routing/runtime-socket.ts';
import { SharedPins } from '../../../routing/shared-pins.ts';
import { restartDelay, STABLE_AFTER } from '../../../scaling/backoff.ts';
import { HaproxyProcess } from './haproxy-process.ts';
import { EndpointMemory, type ToldByHaproxy } from './endpoint-memory.ts';
import { knownIds, refusedInstances, routerSpec } from './haproxy-spec.ts';
import { observeRunning } from './observe-router.ts';
import { untilPeersKnow } from './peer-introduction.ts';
import { RouterChanges } from './router-changes.ts';
import { awaitsOwners, doubtful, lacksOwners, planRouter, type RunningRouter } from './router-plan.ts';
import { runtimeSocket, type RouterSettings } from './router-settings.ts';
import type { RecalledView, RouterView } from './router-view.ts';
import { untilDeserted } from './send-away.ts';
import { StrayPins } from './stray-pins.ts';
import { WrittenStructure } from './written-structure.ts';

/** Between rounds without news; ms. */
const REST = 1_000;
/** While something is awaited of HAProxy; ms. */
const SOON = 50;
/** While endpoints that have vanished may come back, or requests may wait for a machine that is dead; ms. */
const SHORTLY = 200;
/** After a round that failed; ms. */
const AGAIN = 1_000;
/** How long the others may take to know a router that is new; ms. */
const KNOWN_WITHIN = 15_000;
/** The same for one that they had known before its HAProxy died; ms. */
const KNOWN_AGAIN_WITHIN = 1_000;
/** How long one that starts waits for the owners of users before it serves without them; ms. */
export const OWNERS_WITHIN = 5_000;
/** The same while others serve: nobody needs it yet, and Kubernetes may tell late where an owner is. */
const OWNERS_WITHIN_BESIDE = 20_000;
/** How long the release of an instance's users may take; ms. */
const RELEASED_WITHIN = 2_500;
const NOBODY: ReadonlySet<number> = new Set();

export interface DriverParts {
  readonly settings: RouterSettings;
  readonly view: () => RouterView | undefined;
  readonly token: () => Promise<string>;
  readonly log: (text: string) => void;
}

export class RouterDriver {
  readonly haproxy: HaproxyRouter;
  readonly pins: SharedPins;
  readonly #parts: DriverParts;
  readonly #process: HaproxyProcess;
  readonly #written: WrittenStructure;
  readonly #changes: RouterChanges;
  readonly #strays: StrayPins;
  readonly #memory = new EndpointMemory();
  #news = Promise.withResolvers<void>();
  /** What HAProxy last had: a new one begins with the same places. */
  #had: ObservedRouter['backends'] = {};
  #introduced = false;
  /** The others had pins when HAProxy was started. */
  #hasLesson = false;
  #refused = '';
  #startedAt = 0;
  /** Since when a reload waits until it keeps the pins. */
  #reloadAwaited: number | undefined;
  #failures = 0;
  /** HAProxy has what it should, and all the pins that the others have. */
  #complete = false;
  #ends = false;

  constructor(parts: DriverParts) {
    const socket = new RuntimeSocket(runtimeSocket(parts.settings));
    const { folder, name, searchPath } = parts.settings;
    this.#parts = parts;
    this.haproxy = new HaproxyRouter(socket);
    this.pins = new SharedPins(socket);
    const files = new RouterFiles(folder);
    const { haproxy, pins } = this;
    this.#written = new WrittenStructure({ files, haproxy, name, searchPath, log: parts.log });
    this.#changes = new RouterChanges({
      files,
      haproxy,
      pins,
      onRemoved: () => this.wake(),
      onError: (error, signal) => void this.#failed(error, signal),
    });
    this.#process = new HaproxyProcess({ folder, config: files.config, name, searchPath }, parts.log);
    this.#strays = new StrayPins(this.pins);
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  /** Something may have changed: the next round is due. */
  wake(): void {
    this.#news.resolve();
  }

  /** Works until the signal is aborted. HAProxy goes on then, see `finish`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#news = Promise.withResolvers();
      const rest = await this.#round(signal).catch((error: unknown) => this.#failed(error, signal));
      const over = new AbortController();
      const rested = sleep(rest, undefined, { signal: AbortSignal.any([signal, over.signal]) });
      await Promise.race([this.#news.promise, rested.catch(() => undefined)]);
      over.abort();
    }
  }

  /**
   * Lets the users of an instance whose drain time is over go to the owner that the table names. Fulfilled
   * when their pins do not count any more and no request is in flight. @throws OperationError when that takes
   * too long
   */
  async release(service: string, name: string): Promise<void> {
    const limit = AbortSignal.timeout(RELEASED_WITHIN);
    this.#memory.release(service, name, performance.now());
    this.wake();
    while (!(await this.#isLeft(service, name, limit))) {
      if (limit.aborted) throw new OperationError(`The router has not let the users of ${name} go in time`);
      await sleep(SOON);
    }
  }

  /**
   * Whether nobody is there and nobody will come, as far as pins go. A HAProxy that is yet to start knows it from its
   * start.
   */
  async #isLeft(service: string, name: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#process.isRunning) return this.#memory.hasReleased(service, name, performance.now());
    const freed = await this.pins.freed(service, signal);
    const { backends } = await this.haproxy.observe(signal);
    const server = backends[service]?.servers.find((candidate) => candidate.name === name);
    return server === undefined || (freed.has(server.id) && server.currentSessions === 0);
  }

  /**
   * Tells the clients to go elsewhere, and serves them as before meanwhile: to be called while it runs.
   * Fulfilled when nobody is connected, after `patience` ms at the latest.
   */
  async sendAway(patience: number, hurry: AbortSignal): Promise<void> {
    this.#ends = true;
    await untilDeserted(this.haproxy, this.#process, AbortSignal.any([hurry, AbortSignal.timeout(patience)]));
  }

  /** Ends HAProxy when the requests in flight are finished, after `patience` ms at the latest. */
  async finish(patience: number, hurry: AbortSignal): Promise<void> {
    await this.#process.finish(patience, hurry);
  }

  /** @returns how long the next round has time without news, ms */
  async #round(signal: AbortSignal): Promise<number> {
    const seen = this.#parts.view();
    if (seen === undefined) return REST;
    if (!this.#process.isRunning) return this.#start(seen, signal);
    const running = await this.#observe(signal);
    if (running === undefined) return SOON;
    return this.#bringAbout(this.#recall(seen, running), running, signal);
  }

  async #bringAbout(view: RecalledView, running: RunningRouter, signal: AbortSignal): Promise<number> {
    const steps = planRouter(view, running);
    const reloads = steps[0]?.kind === 'reload';
    if (reloads && (await this.#mayReload(signal))) return this.#reload(view, running, signal);
    if (!reloads) await this.#written.config(this.#spec(view, running.backends));
    for (const step of steps) await this.#changes.apply(step, signal);
    return reloads ? SOON : this.#goOn(view, running, signal);
  }

  /** What is done once HAProxy is as it should be. @returns how long the next round has time, ms */
  async #goOn(view: RecalledView, running: RunningRouter, signal: AbortSignal): Promise<number> {
    this.#tellRefused(refusedInstances(view, running.backends));
    await this.#written.renewCertificate(view, signal);
    this.#complete ||= (await this.#hasLearned(signal)) && !this.#waitsForOwners(view, running);
    if (!this.#complete || awaitsOwners(view, running)) return SOON;
    await this.#strays.sweep({ known: knownIds(view), freed: view.freed }, performance.now(), signal);
    return view.isUnsettled || doubtful(running).length > 0 ? SHORTLY : REST;
  }

  /** Another router may know an owner that has yet to be told here. */
  #waitsForOwners(view: RouterView, running: RunningRouter): boolean {
    const within = view.peers.some(({ serving }) => serving) ? OWNERS_WITHIN_BESIDE : OWNERS_WITHIN;
    return performance.now() - this.#startedAt < within && lacksOwners(view, running);
  }

  #recall(view: RouterView, told: ToldByHaproxy): RecalledView {
    return this.#memory.recall(view, told, performance.now());
  }

  async #observe(signal: AbortSignal): Promise<RunningRouter | undefined> {
    const observed = await observeRunning(this.haproxy, this.pins, signal);
    if (observed === undefined) return undefined;
    this.#had = observed.backends;
    return { ...observed, leaving: this.#changes.leaving };
  }

  async #start(view: RouterView, signal: AbortSignal): Promise<number> {
    const wait = this.#startedAt + restartDelay(this.#failures) - performance.now();
    if (this.#failures > 0 && wait > 0) return wait;
    const had = { backends: this.#had, released: NOBODY };
    // Until it is introduced it may be told whose users are let go.
    this.#recall(view, had);
    if (hasPins(view.structure)) await this.#introduce(signal);
    else this.#hasLesson = false;
    const current = this.#recall(this.#parts.view() ?? view, had);
    await this.#written.structure(current, this.#spec(current, this.#had), this.#had);
    this.#complete = false;
    this.#startedAt = performance.now();
    this.#process.start();
    void this.#process.ended.then(() => this.#died());
    return SOON;
  }

  #died(): void {
    this.#complete = false;
    this.#failures = performance.now() - this.#startedAt >= STABLE_AFTER ? 0 : this.#failures + 1;
    this.wake();
  }

  async #introduce(signal: AbortSignal): Promise<void> {
    const { settings, token, log } = this.#parts;
    const peers = (): RouterView['peers'] => this.#parts.view()?.peers ?? [];
    const within = this.#introduced ? KNOWN_AGAIN_WITHIN : KNOWN_WITHIN;
    const { strangers, havePins } = await untilPeersKnow(
      { self: settings.name, token, peers, within },
      signal,
    );
    if (strangers.length > 0) log(`goes on without ${strangers.join(', ')}, which did not answer`);
    this.#introduced = true;
    this.#hasLesson = havePins;
  }

  /** Not as long as pins would be lost, which a HAProxy that has just been started hands to none for a while. */
  async #mayReload(signal: AbortSignal): Promise<boolean> {
    this.#reloadAwaited ??= performance.now();
    if (performance.now() - this.#reloadAwaited >= PINS_TIMEOUT) return true;
    return (await this.pins.count(signal)) === 0 || (await this.haproxy.pinsSurviveReload(signal));
  }

  async #reload(view: RecalledView, running: RunningRouter, signal: AbortSignal): Promise<number> {
    this.#reloadAwaited = undefined;
    const { learned } = await this.pins.peers(signal);
    const isPinning = (await this.pins.count(signal)) > 0;
    const spec = this.#spec(view, running.backends);
    await this.#written.structure(view, spec, this.#had);
    this.#parts.log(`takes over ${spec.generation}`);
    await reloadInto(this.haproxy, spec.generation, () => this.#process.signal('SIGUSR2'), signal);
    // One that is still learning teaches nothing, and has nothing to teach.
    if (!learned && !isPinning) await this.pins.declareKnown(signal);
    return 0;
  }

  #spec(view: RecalledView, present: ObservedRouter['backends']): RouterSpec {
    return { ...routerSpec(this.#parts.settings, view, present), ends: this.#ends };
  }

  /** Of others that have only just been started themselves, HAProxy would wait 5 s for a lesson. */
  async #hasLearned(signal: AbortSignal): Promise<boolean> {
    if (this.#hasLesson) return (await this.pins.peers(signal)).learned;
    await this.pins.declareKnown(signal);
    return true;
  }

  #tellRefused(instances: readonly string[]): void {
    const refused = instances.join(', ');
    if (refused !== '' && refused !== this.#refused)
      this.#parts.log(`cannot route to ${refused}: another instance has the same id; delete the pod`);
    this.#refused = refused;
  }

  #failed(error: unknown, signal: AbortSignal): number {
    if (!signal.aborted) this.#parts.log(error instanceof Error ? error.message : String(error));
    return AGAIN;
  }
}
