/**
 * The sessions of one application whose services hand them over, on a cluster: asks its instances how they are, tells
 * them tables, and has slots handed over in the background. What it remembers spares time, and is nowhere needed: the
 * tables are in the cluster, where each write has the version of what it was made from as its precondition.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../../app/failure.ts';
import { isCopied } from '../../routing/hand-over/copied-table.ts';
import type { HandOver } from '../../routing/hand-over/next-change.ts';
import { SessionWatch, type Heard, type Listened } from '../../routing/hand-over/session-watch.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { decodeStoredText, TABLE_KEY } from '../../routing/published-structure.ts';
import type { Member } from '../../session/told-table.ts';
import { HandOverWork, type StoreTable } from '../hand-over-work.ts';
import type { HandOverActivity, InstanceObservation, SessionObservation } from '../observation.ts';
import type { PublishTableStep, SessionStep } from '../step.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { PORTS } from './objects/names.ts';
import type { ConfigMap, Pod } from './observe/kinds.ts';
import { fatesOf, serviceContainer, type Fate, type HeardLife } from './observe/session-fates.ts';
import { bracketed } from './router-states.ts';

/** A table that was written is taken for the one in force although it is not to be seen yet, for so long; ms. */
const UNSEEN_MS = 5_000;
/** Whoever is missing may still be alive for so long; ms. Longer than second owners wait for an owner. */
const MISSING_MS = 5_000;
/** How soon a step that did not work is planned again, and who is missing looked for; ms. */
const AGAIN_MS = 500;

type Answer = NonNullable<Heard['answer']>;

/** A table, and the version of the object that it is in. */
interface Stored {
  readonly table: OwnerTable;
  readonly version: string | undefined;
  /** When it was written here; ms of a clock that never goes back. */
  readonly writtenAt?: number;
}

export interface SessionInput {
  readonly instances: readonly InstanceObservation[];
  readonly pods: readonly Pod[];
  /** Services that hand sessions over, and the token of each as far as there is one. */
  readonly tokens: Readonly<Record<string, string | undefined>>;
}

export interface SeenSessions {
  readonly instances: InstanceObservation[];
  readonly handOvers: Record<string, HandOverActivity>;
}

export interface WrittenTable {
  readonly table: OwnerTable;
  /** Of the change that led to it, for people. */
  readonly reason: string;
  /** The form that it is stored in, if it is there already. */
  readonly stored?: object;
}

/** Writes a table into the cluster. @returns its version. @throws KubeApiError when it is not the next one of `version` */
export type WriteTable = (next: WrittenTable, version: string | undefined) => Promise<string | undefined>;

export interface AppSessionsParts {
  /** Another round is due. */
  readonly wake: () => void;
  /** Whether this controller may still change anything. */
  readonly mayAct: () => boolean;
  readonly onError: (error: unknown) => void;
}

export class AppSessions {
  readonly #parts: AppSessionsParts;
  readonly #watch = new SessionWatch();
  readonly #work: HandOverWork;
  /** A process that dies is noticed at once. */
  readonly #connections = new ConnectionWatch(() => void this.pulse());
  /** By service: as far as it is known, and as the round under way saw it, whose steps follow from that. */
  #stored = new Map<string, Stored>();
  #planned: ReadonlyMap<string, Stored> = new Map();
  #tokens: SessionInput['tokens'] = {};
  #listened: readonly ListenedPod[] = [];
  /** By incarnation. */
  readonly #lives = new Map<string, HeardLife>();
  /** The last answer from each pod, by its uid; to tell a new one from the old. */
  readonly #answers = new Map<string, Answer>();
  /** Since when members of tables are missing, by incarnation. */
  readonly #missing = new Map<string, number>();
  /** What the last round knew of the instances. */
  #known = '';
  #isUnsettled = false;

  constructor(parts: AppSessionsParts) {
    this.#parts = parts;
    this.#work = new HandOverWork({
      token: (service) => Promise.resolve(this.#token(service)),
      urls: (service) => this.#listened.filter((one) => one.service === service).map(({ url }) => url),
    });
  }

  /** The tables in force, from the ConfigMaps of a round; damaged ones left out. */
  tables(maps: readonly ConfigMap[]): Record<string, OwnerTable> {
    const now = performance.now();
    const seen = new Map(
      maps.flatMap((map) => this.#read(map)).map((stored) => [stored.table.service, stored] as const),
    );
    for (const [service, own] of this.#stored) {
      const isLate = own.table.epoch > (seen.get(service)?.table.epoch ?? 0);
      if (isLate && now - (own.writtenAt ?? -Infinity) < UNSEEN_MS) seen.set(service, own);
    }
    this.#stored = seen;
    this.#planned = new Map(seen);
    return Object.fromEntries([...seen].map(([service, { table }]) => [service, table]));
  }

  #read({ data, metadata: { resourceVersion } }: ConfigMap): Stored[] {
    const text = data?.[TABLE_KEY];
    if (text === undefined) return [];
    // To decode a table takes a while, and most rounds see the one of the round before.
    for (const known of this.#stored.values())
      if (known.version !== undefined && known.version === resourceVersion) return [known];
    try {
      return [{ table: decodeStoredText(text), version: resourceVersion }];
    } catch (error) {
      if (error instanceof OperationError) return [];
      throw error;
    }
  }

  /** What the instances say of themselves, and what goes on between them. */
  async observe({ instances, pods, tokens }: SessionInput): Promise<SeenSessions> {
    this.#tokens = tokens;
    this.#listened = instances.flatMap((instance) => listenedTo(instance, tokens[instance.service]));
    this.#follow();
    const heard = await this.#listen();
    this.#known = digestOf(heard);
    this.#note(heard, pods);
    const known = instances.map((instance) => stillThere(instance, heard.get(instance.id)));
    const present = new Set(known.filter(({ state }) => state !== 'dead').map(({ id }) => id));
    const services = Object.keys(tokens);
    const fates = new Map(services.map((service) => [service, this.#fates(service, pods, present)]));
    const seen = known.map((instance) => {
      const about = heard.get(instance.id);
      const ofService = fates.get(instance.service);
      if (about === undefined || ofService === undefined) return instance;
      const session = sessionOf(instance, about, ofService);
      return session === undefined ? instance : { ...instance, session };
    });
    const handOvers = [...fates].map(([service, ofService]) => {
      const missing = this.#missingOf(ofService, seen);
      const activity = this.#work.activity(service);
      // What has been put in force since the round began makes it a round about something that was.
      const isBusy = activity.isBusy || this.#stored.get(service) !== this.#planned.get(service);
      return [service, { ...activity, isBusy, missing }] as const;
    });
    this.#isUnsettled = handOvers.some(
      ([, { missing, postponed }]) => missing.length > 0 || postponed.length > 0,
    );
    return { instances: seen, handOvers: Object.fromEntries(handOvers) };
  }

  /** Takes in which incarnations were heard in which pods. */
  #note(heard: ReadonlyMap<string, Heard>, pods: readonly Pod[]): void {
    for (const pod of pods) {
      const answer = answerOf(pod.metadata.name, heard.get(pod.metadata.name));
      const uid = pod.metadata.uid ?? '';
      if (answer === undefined || answer === this.#answers.get(uid)) continue;
      const heardAt = performance.now();
      this.#lives.set(answer.incarnation, { uid, restarts: this.#restartsOf(pod, answer), heardAt });
      this.#answers.set(uid, answer);
    }
    const uids = new Set(pods.map(({ metadata }) => metadata.uid ?? ''));
    for (const uid of this.#answers.keys()) if (!uids.has(uid)) this.#answers.delete(uid);
    this.#forget();
  }

  /** An incarnation that follows another one in a pod is one start later, though nobody has said so yet. */
  #restartsOf(pod: Pod, { incarnation }: Answer): number {
    const restarts = serviceContainer(pod)?.restartCount ?? 0;
    const before = this.#answers.get(pod.metadata.uid ?? '')?.incarnation ?? '';
    const last = this.#lives.get(before);
    return last === undefined || before === incarnation ? restarts : Math.max(restarts, last.restarts + 1);
  }

  /** Whoever is named by no table, and not heard any more, does not matter. */
  #forget(): void {
    const tables = [...this.#stored.values()].flatMap(({ table }) => (isCopied(table) ? [table] : []));
    const named = new Set(tables.flatMap(({ members }) => members.map(({ incarnation }) => incarnation)));
    for (const { incarnation } of this.#answers.values()) named.add(incarnation);
    for (const incarnation of this.#lives.keys())
      if (!named.has(incarnation)) this.#lives.delete(incarnation);
    for (const incarnation of this.#missing.keys())
      if (!named.has(incarnation)) this.#missing.delete(incarnation);
  }

  #fates(service: string, pods: readonly Pod[], present: ReadonlySet<string>): Fates {
    const table = this.#planned.get(service)?.table;
    const members = isCopied(table) ? table.members : [];
    const latest = new Map([...this.#answers].map(([uid, { incarnation }]) => [uid, incarnation]));
    const input = { members, pods, present, lives: this.#lives, latest, now: performance.now() };
    return { members, byIncarnation: fatesOf(input) };
  }

  /** Members that no instance is any more, and who may be alive. Who has been missing for long is not there. */
  #missingOf({ members, byIncarnation }: Fates, instances: readonly InstanceObservation[]): Member[] {
    const now = performance.now();
    return members.filter((member) => {
      const { incarnation } = member;
      const fate = byIncarnation.get(incarnation);
      const isSeen = instances.some((instance) => isMember(instance, member));
      if (fate !== 'missing') return fate === 'there' && !isSeen;
      const since = this.#missing.get(incarnation) ?? now;
      this.#missing.set(incarnation, since);
      return now - since < MISSING_MS;
    });
  }

  /**
   * Carries a step out: a table is stored when this is fulfilled; everything else goes on in the background.
   * @throws what `write` throws
   */
  async apply(step: SessionStep, write: WriteTable): Promise<void> {
    this.#isUnsettled = true;
    switch (step.kind) {
      case 'publish-table':
        if (!isCopied(step.table)) return;
        this.#goOn((await this.#work.publish(step.table, this.#store(step, write)))());
        return;
      case 'tell-table':
        return this.#tell(step.service, step.id);
      case 'hand-over': {
        const inForce = this.#planned.get(step.service)?.table;
        if (!isCopied(inForce) || inForce.epoch !== step.epoch - 1) return;
        this.#goOn(this.#work.handOver(step, inForce, this.#store(step, write)));
      }
    }
  }

  #tell(service: string, id: string): void {
    const table = this.#stored.get(service)?.table;
    const url = this.#listened.find((one) => one.id === id)?.url;
    if (isCopied(table) && url !== undefined) this.#goOn(this.#work.tell(table, url));
  }

  #goOn(work: Promise<void>): void {
    const { onError, wake } = this.#parts;
    const over = work.catch(async (error: unknown) => {
      onError(error);
      await sleep(AGAIN_MS, undefined, { ref: false });
    });
    void over.then(wake);
  }

  /** Tables are stored in place of the one that they were made from, or not at all. */
  #store(step: PublishTableStep | HandOver, write: WriteTable): StoreTable {
    const isHandOver = step.kind === 'hand-over';
    const service = isHandOver ? step.service : step.table.service;
    const reason = isHandOver ? `${step.from.id} hands over` : step.reason;
    const from = this.#planned.get(service);
    return async ({ table, stored }) => {
      if (!this.#parts.mayAct()) throw new OperationError('another controller may lead by now');
      const version = await write({ table, reason, stored }, from?.version);
      const known = this.#stored.get(service)?.table.epoch ?? 0;
      if (table.epoch > known) this.#stored.set(service, { table, version, writtenAt: performance.now() });
    };
  }

  #follow(): void {
    const places = this.#listened.map(({ life, host }) => [life, { host, port: PORTS.sessions }] as const);
    this.#connections.follow(new Map(places));
  }

  /** Listens to nobody any more. */
  close(): void {
    this.#listened = [];
    this.#follow();
  }

  /** Listens between rounds, and asks for one when something has changed. */
  async pulse(): Promise<void> {
    if (this.#listened.length === 0) return;
    this.#follow();
    if (digestOf(await this.#listen()) !== this.#known) this.#parts.wake();
  }

  #listen(): Promise<ReadonlyMap<string, Heard>> {
    const newest = (service: string): number => this.#stored.get(service)?.table.epoch ?? 0;
    return this.#watch.listen(this.#listened.map((one) => ({ ...one, newest: newest(one.service) })));
  }

  /** How soon the next round is due though nothing changes; ms. */
  get pause(): number | undefined {
    return this.#isUnsettled ? AGAIN_MS : undefined;
  }

  #token(service: string): string {
    const token = this.#tokens[service];
    if (token === undefined) throw new OperationError(`the instances of ${service} have no token yet`);
    return token;
  }
}

interface ListenedPod extends Omit<Listened, 'newest'> {
  readonly service: string;
  readonly host: string;
}

interface Fates {
  readonly members: readonly Member[];
  readonly byIncarnation: ReadonlyMap<string, Fate>;
}

function listenedTo(
  { id, service, incarnation, host, state, mayRun }: InstanceObservation,
  token: string | undefined,
): ListenedPod[] {
  const isOver = state === 'dead' && mayRun !== true;
  if (token === undefined || host === '' || isOver) return [];
  return [
    { id, service, host, life: incarnation, url: `http://${bracketed(host)}:${PORTS.sessions}`, token },
  ];
}

/** A pod that was given up on a node that does not answer, and answers all the same: it has what others are to get. */
function stillThere(instance: InstanceObservation, heard: Heard | undefined): InstanceObservation {
  const { id, state, mayRun } = instance;
  if (state !== 'dead' || mayRun !== true || heard === undefined) return instance;
  const isHeard = !heard.isSilent && heard.isRefused !== true && answerOf(id, heard) !== undefined;
  return isHeard ? { ...instance, state: 'leaving' } : instance;
}

/** Until an instance has said who it is, it may be the one of its name. */
function isMember({ id, state, session }: InstanceObservation, member: Member): boolean {
  if (state === 'dead' || session === undefined) return false;
  const { member: own } = session;
  return own === undefined ? id === member.id : own.incarnation === member.incarnation;
}

/** Of whoever got the address of a pod that is gone, nothing is believed. */
function answerOf(id: string, heard: Heard | undefined): Heard['answer'] {
  return heard?.answer?.instance === id ? heard.answer : undefined;
}

/** Undefined for an instance that no table means any more: another one has its name, or nothing but that is left. */
function sessionOf(
  { id, host, port }: InstanceObservation,
  heard: Heard,
  { members, byIncarnation }: Fates,
): SessionObservation | undefined {
  const answer = answerOf(id, heard);
  const incarnation = answer?.incarnation ?? members.find((member) => member.id === id)?.incarnation;
  if (incarnation !== undefined && byIncarnation.get(incarnation) === 'ended') return undefined;
  // Whoever takes over from one that may live after all waits until that one may not answer any more.
  const isSilent = heard.isSilent || heard.isRefused === true;
  if (answer === undefined) return { isSilent };
  const url = `http://${bracketed(host)}:${PORTS.sessions}`;
  const http = `http://${bracketed(host)}:${port}`;
  return { isSilent, answer, member: { id, incarnation: answer.incarnation, url, http } };
}

/** Of what rounds decide on; not of what changes with every write. */
function digestOf(heard: ReadonlyMap<string, Heard>): string {
  return JSON.stringify(
    [...heard].map(([id, { isSilent, isRefused, answer }]) => {
      const about = [id, isSilent, isRefused];
      if (answer === undefined) return about;
      const { incarnation, epoch, frozenFor, lacking, incomplete, alone } = answer;
      return [...about, incarnation, epoch, frozenFor, lacking.length, incomplete, alone];
    }),
  );
}
