/**
 * The sessions of services that hand them over, on this machine: asks instances how they are, tells them
 * tables, and has slots handed over. Tables of one service are published one after the other; the files'
 * epochs decide between two that were made at the same time.
 */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { OperationError } from '../../app/failure.ts';
import { isCopied, toldForm, withCopies, type CopiedTable } from '../../routing/hand-over/copied-table.ts';
import { afterHandOver, tableOfNobody, type HandOver } from '../../routing/hand-over/next-change.ts';
import { askHandOver, tellTable } from '../../routing/hand-over/participant-client.ts';
import { SessionWatch, type Listened } from '../../routing/hand-over/session-watch.ts';
import type { Member } from '../../session/told-table.ts';
import { tellEverybody } from '../hand-over-work.ts';
import type { HandOverActivity, InstanceObservation, SessionObservation } from '../observation.ts';
import type { MachineRouter } from './machine-router.ts';
import type { ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { generatedSecret } from './secret-store.ts';
import type { StateFolder } from './state-folder.ts';
import type { TableFiles } from './table-files.ts';

/** Slots that were too busy to be handed over are left alone for so long; ms. */
const POSTPONED_MS = 10_000;
const TOKEN_BYTES = 24;

export interface SessionParts {
  readonly table: ProcessTable;
  readonly tables: TableFiles;
  readonly router: MachineRouter;
  readonly state: StateFolder;
}

/** The name under which a service's token is kept; the file that instances read is called so too. */
function tokenName(service: string): string {
  return `${service}/session-token`;
}

/** The file with the token that all instances of a service know, mode 0600; made once. */
export async function sessionTokenFile(state: StateFolder, service: string): Promise<string> {
  await generatedSecret(state, tokenName(service), TOKEN_BYTES);
  return join(state.generated, tokenName(service));
}

export class MachineSessions {
  readonly #parts: SessionParts;
  readonly #watch = new SessionWatch();
  /** Services of which slots are being handed over. */
  readonly #busy = new Set<string>();
  /** Services a table of which is being stored or told. */
  readonly #publishing = new Set<string>();
  /** By service: until when a slot is left alone. */
  readonly #postponed = new Map<string, Map<number, number>>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The instances with what they say of their sessions. */
  async observe(instances: readonly InstanceObservation[]): Promise<InstanceObservation[]> {
    const listened = await Promise.all(this.#records().map((record) => this.#listened(record)));
    const heard = await this.#watch.listen(listened);
    return instances.map((instance) => {
      const about = instance.state === 'dead' ? undefined : heard.get(instance.id);
      const record = this.#parts.table.get(instance.id);
      if (about === undefined || record === undefined) return instance;
      const { isSilent, answer } = about;
      const session: SessionObservation =
        answer === undefined
          ? { isSilent }
          : { isSilent, answer, member: { ...addresses(record), incarnation: answer.incarnation } };
      return { ...instance, session };
    });
  }

  activity(): Record<string, HandOverActivity> {
    const now = performance.now();
    const services = new Set([...this.#busy, ...this.#publishing, ...this.#postponed.keys()]);
    const entries = [...services].map((service): [string, HandOverActivity] => {
      const postponed = [...(this.#postponed.get(service) ?? [])]
        .filter(([, until]) => until > now)
        .map(([slot]) => slot);
      return [
        service,
        { isBusy: this.#busy.has(service), isPublishing: this.#publishing.has(service), postponed },
      ];
    });
    return Object.fromEntries(entries);
  }

  /** Tells an instance the table in force. @throws OperationError when it does not take it */
  async tell(service: string, id: string): Promise<void> {
    const table = this.#parts.tables.get(service);
    const record = this.#parts.table.get(id);
    if (!isCopied(table) || record === undefined) return;
    await tellTable(addresses(record).url, await this.#token(service), JSON.stringify(toldForm(table)));
  }

  /** Puts a table in force that no hand-over has led to. */
  async publish(table: CopiedTable, reason: string): Promise<void> {
    await this.#publish({ ...formed(table), reason }, []);
  }

  /** @throws OperationError when nothing was handed over; what was frozen for it is called off by the next table */
  async handOver(order: HandOver): Promise<void> {
    const { service, epoch, from } = order;
    const inForce = this.#parts.tables.get(service);
    if (!isCopied(inForce) || inForce.epoch !== epoch - 1)
      throw new OperationError(`the owner table of ${service} has changed meanwhile`);
    this.#busy.add(service);
    try {
      await this.#moveSlots(order, inForce, askHandOver(from.url, await this.#token(service), order));
    } finally {
      this.#busy.delete(service);
    }
  }

  async #moveSlots(order: HandOver, inForce: CopiedTable, asked: Promise<number[]>): Promise<void> {
    const { service, from, to } = order;
    // Users wait from now on: while the instances are at work, the table is made that will mostly follow.
    const [slots, expected] = await Promise.all([
      asked,
      setImmediate().then(() => formed(afterHandOver(inForce, order, order.slots))),
    ]);
    this.#postpone(service, order.slots, slots);
    if (slots.length === 0) throw new OperationError(`${from.id} could give nothing to ${to.id}`);
    const isExpected = slots.length === order.slots.length;
    const next = isExpected ? expected : formed(afterHandOver(inForce, order, slots));
    await this.#publish({ ...next, reason: `${from.id} hands over` }, [to, from]);
  }

  /** Stores a table and tells it to everybody, and to the router: once `first` know it, if there are any. */
  async #publish(
    { table, told, stored, reason }: FormedTable & { readonly reason: string },
    first: readonly Member[],
  ): Promise<void> {
    await this.#inTurn(table.service, async () => {
      this.#publishing.add(table.service);
      await this.#parts.tables.publish(table, reason, stored);
      const isTold = this.#tellAll(table.service, told, first);
      // After a hand-over the old owner forwards; where somebody has ended there is nobody to do so.
      if (first.length > 0) await isTold;
      await Promise.all([isTold, this.#parts.router.follow(table)]);
    }).finally(() => this.#publishing.delete(table.service));
  }

  /** The application ends: nobody waits any more for somebody who takes the sessions over. */
  async release(): Promise<void> {
    const tables = Object.values(this.#parts.tables.all()).filter(isCopied);
    const owned = tables.filter(({ members }) => members.length > 0);
    // Where that fails, an instance ends a little later, when the time is over that it may take.
    await Promise.all(owned.map((table) => this.#releaseOne(table).catch(() => undefined)));
  }

  async #releaseOne(table: CopiedTable): Promise<void> {
    const last = formed(tableOfNobody(table));
    await this.#parts.tables.publish(last.table, 'the application ends', last.stored);
    await this.#tellAll(table.service, last.told, []);
  }

  async #tellAll(service: string, table: string, first: readonly Member[]): Promise<void> {
    const token = await this.#token(service);
    // Who does not take it now is told again as soon as it says that it knows an older one.
    const tell = (url: string): Promise<void> => tellTable(url, token, table).catch(() => undefined);
    const needed = first.map(({ url }) => url);
    const others = this.#records()
      .filter((record) => record.service === service)
      .map((record) => addresses(record).url)
      .filter((url) => !needed.includes(url));
    await tellEverybody(needed, others, tell);
  }

  #postpone(service: string, asked: readonly number[], given: readonly number[]): void {
    const now = performance.now();
    const until = new Map([...(this.#postponed.get(service) ?? [])].filter(([, at]) => at > now));
    const moved = new Set(given);
    for (const slot of asked) if (!moved.has(slot)) until.set(slot, now + POSTPONED_MS);
    this.#postponed.set(service, until);
  }

  #records(): ProcessRecord[] {
    return this.#parts.table
      .all()
      .filter(({ sessionPort, exitedAt }) => sessionPort !== undefined && exitedAt === undefined);
  }

  async #listened(record: ProcessRecord): Promise<Listened> {
    const { id, url } = addresses(record);
    const { mark: life, service = '' } = record;
    const newest = this.#parts.tables.get(service)?.epoch ?? 0;
    return { id, life, url, token: await this.#token(service), newest };
  }

  async #token(service: string): Promise<string> {
    return generatedSecret(this.#parts.state, tokenName(service), TOKEN_BYTES);
  }

  async #inTurn(service: string, work: () => Promise<void>): Promise<void> {
    const done = (this.#turns.get(service) ?? Promise.resolve()).then(work);
    this.#turns.set(
      service,
      done.catch(() => undefined),
    );
    await done;
  }
}

/** A table with the forms that it is told and stored in: made once, since that takes a while. */
interface FormedTable {
  readonly table: CopiedTable;
  readonly told: string;
  readonly stored: object;
}

function formed(table: CopiedTable): FormedTable {
  const told = toldForm(table);
  return { table, told: JSON.stringify(told), stored: withCopies(table, told) };
}

function addresses({ id, host, port, sessionPort }: ProcessRecord): Omit<Member, 'incarnation'> {
  return { id, url: `http://${host}:${sessionPort ?? 0}`, http: `http://${host}:${port}` };
}
