/**
 * The controller: observe, plan, apply, over and over. It is level-based: each round looks at how things
 * are and does what is due, so it can be killed at any moment and started again. What must outlive it is
 * in the settings and with the platform.
 */
import { defined } from '../app/defined.ts';
import { UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import type { Observation } from '../platform/observation.ts';
import {
  PreparationOutdated,
  type Platform,
  type Prepared,
  type Settings,
  type SettingsStore,
} from '../platform/platform.ts';
import { describeStep, partOf, type AdmitStep, type MachineStep } from '../platform/step.ts';
import { explainKey, statefulServiceOf, type Explanation } from '../routing/explain.ts';
import { isCopied } from '../routing/hand-over/copied-table.ts';
import { announcedContract, closedWay } from './contract.ts';
import type { UserQuestion } from './control-server.ts';
import type { Desired } from './desired.ts';
import { changesBetween, type ControllerEvent } from './events.ts';
import { isSettled, MACHINE_PHASES, plan, type NamedPhasePlan } from './plan.ts';
import { statusOf, type Status } from './status.ts';

/** Pauses between rounds in ms, when nothing asks for one: while things change, and at rest. */
const BUSY_INTERVAL = 100;
const IDLE_INTERVAL = 2_000;
/** How long after the last change rounds stay frequent; ms. */
const BUSY_FOR = 5_000;
/** Pause before a step that failed is tried again; ms. */
const RETRY_AFTER = 1_000;

/** A wish may change while it is planned for, and a step is for what it was planned for. */
interface Planned<P> {
  readonly wanted: P;
  readonly inForce: P | undefined;
}

export class Controller<P extends Prepared> {
  readonly #platform: Platform<P>;
  readonly #store: SettingsStore;
  readonly #listeners = new Set<(event: ControllerEvent) => void>();
  /** Parts with a step under way, and when a part whose step failed may be tried again. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #notBefore = new Map<string, number>();
  #settings: Settings = { scale: {}, restarts: {} };
  #turn: Promise<void> = Promise.resolve();
  /** What the last plan is for. */
  #planned: Planned<P> | undefined;
  #wanted: P | undefined;
  #inForce: P | undefined;
  #observed: Observation | undefined;
  #phases: readonly NamedPhasePlan<AdmitStep | MachineStep>[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #lastChange = 0;
  #roundWaiters: (() => void)[] = [];

  constructor(platform: Platform<P>, store: SettingsStore) {
    this.#platform = platform;
    this.#store = store;
  }

  /** Takes up what was in force. Call once, before anything else. */
  async open(): Promise<void> {
    this.#settings = await this.#store.load();
    const { inForce, restarts, contract } = this.#settings;
    if (inForce === undefined) return;
    try {
      this.#inForce = await this.#platform.prepare(inForce, restarts, { contract });
    } catch (error) {
      // What was in force needs something that is gone; the file decides alone, and says if it needs it too.
      if (!(error instanceof UserError)) throw error;
    }
  }

  /** Makes an application the wanted one. @throws UserError when it can't be had; then nothing changes. */
  async want(app: App): Promise<void> {
    await this.#inTurn(async () => {
      const wanted = await this.#platform.prepare(app, this.#settings.restarts);
      this.#requireWay(wanted);
      await this.#forgetScale(app);
      this.#wanted = wanted;
    });
  }

  /** Sets numbers of instances by service: all of them, or none when one is not possible. */
  async scale(counts: Readonly<Record<string, number>>): Promise<void> {
    await this.#inTurn(async () => {
      for (const [service, count] of Object.entries(counts)) this.#requirePossible(service, count);
      await this.#saveSettings({ ...this.#settings, scale: { ...this.#settings.scale, ...counts } });
    });
  }

  #requireWay(wanted: P): void {
    const desired = this.#desired();
    if (desired === undefined || this.#observed === undefined) return;
    const closed = closedWay(wanted, { desired, observed: this.#observed });
    if (closed !== undefined) throw new UserError(closed);
  }

  #requirePossible(service: string, count: number): void {
    const { min, max } = this.#service(service).instances;
    if (count < min || count > max)
      throw new UserError(
        `${service} can have ${min} to ${max} instances; change "instances" in the file for ${count}`,
      );
  }

  /** Replaces every instance of a service by a new one, a new one first. */
  async restart(service: string): Promise<void> {
    await this.#inTurn(async () => {
      const { name } = this.#service(service);
      const restarts = { ...this.#settings.restarts, [name]: (this.#settings.restarts[name] ?? 0) + 1 };
      const wanted = await this.#platform.prepare(this.#known().app, restarts);
      const inForce = this.#inForce && (await this.#prepareAgain(this.#inForce, restarts));
      await this.#saveSettings({ ...this.#settings, restarts });
      this.#wanted = wanted;
      this.#inForce = inForce;
    });
  }

  #prepareAgain(prepared: P, restarts: Settings['restarts']): Promise<P> {
    return this.#platform.prepare(prepared.app, restarts, { contract: prepared.contract, prepared });
  }

  /** Who owns this user and why. @throws UserError for a service that keeps no sessions. */
  async explain({ service, key, changes }: UserQuestion): Promise<Explanation> {
    const name = statefulServiceOf(this.#known().app, service);
    const table = this.#platform.tables()[name];
    if (table === undefined)
      throw new UserError(`${name} has no owners yet: none of its instances has been ready`);
    return explainKey(table, key, {
      pin: await this.#platform.pinOf(name, key),
      history: this.#platform.history(name),
      changes,
      users: changes.length === 0 ? {} : await this.#usersOf(name, isCopied(table)),
    });
  }

  /** By instance: what the router knows, or what those that hand sessions over say themselves. */
  async #usersOf(service: string, handsOver: boolean): Promise<Readonly<Record<string, number>>> {
    if (!handsOver) return this.#platform.pinsOf(service);
    const own = this.#observed?.instances.filter((instance) => instance.service === service) ?? [];
    const known = own.flatMap(({ id, session }) =>
      session?.answer === undefined ? [] : [[id, session.answer.sessions]],
    );
    return Object.fromEntries(known) as Record<string, number>;
  }

  status(): Status | undefined {
    const desired = this.#desired();
    if (desired === undefined || this.#observed === undefined) return undefined;
    const tables = this.#platform.tables();
    const atWork = [...this.#underWay.keys()].some((part) => part !== 'contract');
    return statusOf({ desired, observed: this.#observed, phases: this.#phases, tables, atWork });
  }

  onEvent(listener: (event: ControllerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What would be done first for an application as things are now, without doing any of it. */
  async preview(app: App): Promise<readonly NamedPhasePlan[]> {
    const wanted = await this.#platform.prepare(app, this.#settings.restarts);
    // A controller at work has just looked; looking for another application would disturb that.
    const observed = this.#observed ?? (await this.#platform.observe(wanted, this.#inForce));
    const { scale } = this.#settings;
    const tables = this.#platform.tables();
    const inForce = this.#inForce === undefined ? {} : { inForce: this.#inForce };
    const now = plan(MACHINE_PHASES, { desired: { wanted, scale, ...inForce }, observed, tables });
    // Nothing holds the wanted application back: of interest is what follows from having it in force.
    const isAdmitted = now.some((phase) => phase.steps.some((step) => step.kind === 'admit'));
    const phases = isAdmitted
      ? plan(MACHINE_PHASES, { desired: { wanted, scale, inForce: wanted }, observed, tables })
      : now;
    const announced = announcedContract(wanted, this.#inForce);
    return phases.map((phase) => (phase.name === 'contract' ? { ...phase, waiting: announced } : phase));
  }

  /** Resolves once a round that begins after this call has planned, so that `status` knows of what was asked. */
  async nextRound(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#roundWaiters.push(resolve));
    this.#wakeUp();
    await done;
  }

  /** Works until `signal` is aborted; then waits for the steps under way. */
  async run(signal: AbortSignal): Promise<void> {
    const wakeUp = (): void => this.#wakeUp();
    const forget = this.#platform.onChange(wakeUp);
    signal.addEventListener('abort', wakeUp, { once: true });
    try {
      while (!signal.aborted) {
        await this.#round();
        await this.#pause();
      }
      await Promise.allSettled(this.#underWay.values());
    } finally {
      forget();
    }
  }

  async #round(): Promise<void> {
    const waiters = this.#roundWaiters.splice(0);
    try {
      await this.#look();
      const planned = this.#planned;
      if (planned !== undefined)
        for (const step of this.#phases.flatMap((phase) => phase.steps)) this.#begin(step, planned);
    } catch (error) {
      this.#emit('application', 'problem', messageOf(error));
    }
    for (const resolve of waiters) resolve();
  }

  async #look(): Promise<void> {
    const [wanted, inForce, desired] = [this.#wanted, this.#inForce, this.#desired()];
    if (wanted === undefined || desired === undefined) return;
    const observed = await this.#platform.observe(wanted, inForce);
    this.#planned = { wanted, inForce };
    for (const event of changesBetween(this.#observed, observed)) this.#tell(event);
    this.#observed = observed;
    this.#phases = plan(MACHINE_PHASES, { desired, observed, tables: this.#platform.tables() });
  }

  /** Starts a step, unless one of the same part is under way or has just failed. */
  #begin(step: AdmitStep | MachineStep, planned: Planned<P>): void {
    const part = partOf(step);
    if (this.#underWay.has(part) || Date.now() < (this.#notBefore.get(part) ?? 0)) return;
    this.#emit(part, 'step', describeStep(step));
    this.#underWay.set(part, this.#carryOut(step, planned));
  }

  async #carryOut(step: AdmitStep | MachineStep, { wanted, inForce }: Planned<P>): Promise<void> {
    const part = partOf(step);
    try {
      if (step.kind === 'admit') await this.#admit(wanted);
      else await this.#platform.apply(step, wanted, inForce);
      this.#notBefore.delete(part);
    } catch (error) {
      this.#notBefore.set(part, Date.now() + RETRY_AFTER);
      this.#emit(part, 'problem', messageOf(error));
      if (error instanceof PreparationOutdated) await this.#renew(part);
    } finally {
      this.#underWay.delete(part);
      this.#wakeUp();
    }
  }

  /** Prepares anew what is wanted and what is in force. What can't be had is told, and stays as it was. */
  async #renew(part: string): Promise<void> {
    const { restarts } = this.#settings;
    const renewed = this.#inTurn(async () => {
      const inForce = this.#inForce && (await this.#prepareAgain(this.#inForce, restarts));
      const wanted = this.#wanted && (await this.#platform.prepare(this.#wanted.app, restarts));
      [this.#inForce, this.#wanted] = [inForce, wanted];
    });
    await renewed.catch((error: unknown) => this.#emit(part, 'problem', messageOf(error)));
  }

  /** Another wish may have come since: its own migrations have to be looked at first. */
  async #admit(wanted: P): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#wanted !== wanted) return;
      const { contract: _, ...settings } = this.#settings;
      await this.#saveSettings({
        ...settings,
        inForce: wanted.app,
        ...defined({ contract: wanted.contract }),
      });
      this.#inForce = wanted;
    });
  }

  /** A number asked for by hand holds until the file changes its mind about that service. */
  async #forgetScale(app: App): Promise<void> {
    const before = new Map(this.#settings.inForce?.services.map((s) => [s.name, s.instances]));
    const kept = Object.entries(this.#settings.scale).filter(([name, count]) => {
      const now = app.services.find((s) => s.name === name)?.instances;
      const was = before.get(name);
      return now !== undefined && now.min === was?.min && now.max === was.max && count <= now.max;
    });
    if (kept.length !== Object.keys(this.#settings.scale).length)
      await this.#saveSettings({ ...this.#settings, scale: Object.fromEntries(kept) });
  }

  async #saveSettings(settings: Settings): Promise<void> {
    await this.#store.save(settings);
    this.#settings = settings;
  }

  /** Wishes are taken one after the other: each builds on what the one before has left. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    await done;
    this.#wakeUp();
  }

  #desired(): Desired | undefined {
    if (this.#wanted === undefined) return undefined;
    const inForce = this.#inForce === undefined ? {} : { inForce: this.#inForce };
    return { wanted: this.#wanted, scale: this.#settings.scale, ...inForce };
  }

  #known(): P {
    if (this.#wanted === undefined)
      throw new UserError('the application is still starting; try again in a moment');
    return this.#wanted;
  }

  #service(name: string): App['services'][number] {
    const { services } = this.#known().app;
    const found = services.find((service) => service.name === name);
    if (found !== undefined) return found;
    throw new UserError(`there is no service "${name}"; there are ${services.map((s) => s.name).join(', ')}`);
  }

  #emit(part: string, kind: ControllerEvent['kind'], text: string): void {
    this.#tell({ at: Date.now(), part, kind, text });
  }

  #tell(event: ControllerEvent): void {
    this.#lastChange = event.at;
    for (const listener of this.#listeners) listener(event);
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #pause(): Promise<void> {
    const busy = !isSettled(this.#phases) && Date.now() - this.#lastChange < BUSY_FOR;
    await new Promise<void>((resolve) => {
      if (this.#woken) return resolve();
      const timer = setTimeout(resolve, busy ? BUSY_INTERVAL : IDLE_INTERVAL);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    this.#woken = false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
