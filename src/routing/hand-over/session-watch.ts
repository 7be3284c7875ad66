/**
 * Listens to the instances of services that hand sessions over. Who does not answer does not hold the others
 * up, and is called silent only after this watch itself has listened for a while: time for which this process stood still,
 * or was too busy to ask, does not count. An answer under an epoch that cannot be
 * is none: epochs that nobody has would be used up, and users wait for whoever never takes a table.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../../app/failure.ts';
import { askState, askTableEpoch, isRefusal, type ParticipantAnswer } from './participant-client.ts';

/** An instance that may be asked. */
export interface Listened {
  /** Instance id. */
  readonly id: string;
  /** One for each start of it. */
  readonly life: string;
  readonly url: string;
  readonly token: string;
  /** Epoch of the table in force, as far as is known; 0 for none. */
  readonly newest: number;
}

export interface Heard {
  /** It has not answered for so long, or not answered truly, that it may not be there. */
  readonly isSilent: boolean;
  /** Nobody listened where it should when it was last asked. */
  readonly isRefused?: true;
  /** Its last answer in this life. */
  readonly answer?: ParticipantAnswer;
}

/** An answer that takes longer is taken into account the next time; ms. */
const PATIENCE_MS = 200;
/** So much of the time between two questions counts at most; ms. Who is silent was asked several times. */
const COUNTED_MS = 1_000;
/** Without an answer for so long an instance is silent; ms. */
const SILENT_AFTER_MS = 3_000;
/** Whoever is behind has been told newer tables many times in so long; ms. */
const STUCK_AFTER_MS = 20_000;

interface Ear {
  readonly life: string;
  answer: ParticipantAnswer | undefined;
  /** When it last answered, or was first asked; ms of this watch's listening. */
  heardAt: number;
  /** An epoch behind the newest that it says it knows, and since when; ms of the same. */
  behind: { readonly epoch: number; readonly since: number } | undefined;
  isRefused: boolean;
  asking: Promise<void> | undefined;
}

export class SessionWatch {
  readonly #ears = new Map<string, Ear>();
  readonly #now: () => number;
  #askedAt: number;
  /** For how long this watch has listened; ms. */
  #listened = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#askedAt = now();
  }

  /** Asks all of them; gives what is known of each, by id. */
  async listen(instances: readonly Listened[]): Promise<ReadonlyMap<string, Heard>> {
    this.#forgetOthers(instances);
    this.#listenOn();
    const asked = instances.map((instance) => this.#ask(instance));
    const enough = new AbortController();
    const patience = sleep(PATIENCE_MS, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([Promise.all(asked), patience]);
    enough.abort();
    return new Map(instances.map(({ id }) => [id, this.#heard(id)]));
  }

  #heard(id: string): Heard {
    const ear = this.#ears.get(id);
    if (ear === undefined) return { isSilent: false };
    const { answer, isRefused, heardAt, behind } = ear;
    const now = this.#listened;
    const isStuck = behind !== undefined && now - behind.since > STUCK_AFTER_MS;
    const isSilent = isStuck || now - heardAt > SILENT_AFTER_MS;
    return { isSilent, ...(isRefused ? { isRefused } : {}), ...(answer === undefined ? {} : { answer }) };
  }

  #listenOn(): void {
    const now = this.#now();
    this.#listened += Math.min(now - this.#askedAt, COUNTED_MS);
    this.#askedAt = now;
  }

  #ask(instance: Listened): Promise<void> {
    const { id, life } = instance;
    const known = this.#ears.get(id);
    const ear = known?.life === life ? known : newEar(life, this.#listened);
    this.#ears.set(id, ear);
    ear.asking ??= this.#listenTo(ear, instance);
    return ear.asking;
  }

  async #listenTo(ear: Ear, { url, token, newest }: Listened): Promise<void> {
    try {
      const answer = await askState(url, token);
      if (answer.epoch > Math.max(newest, ear.answer?.epoch ?? 0)) await assertKnown(answer, url, token);
      const now = this.#listened;
      ear.behind = behindOf(ear, answer, { newest, now });
      ear.answer = answer;
      ear.heardAt = now;
      ear.isRefused = false;
    } catch (error) {
      // No answer is what `heardAt` tells.
      ear.isRefused = isRefusal(error);
    } finally {
      ear.asking = undefined;
    }
  }

  #forgetOthers(instances: readonly Listened[]): void {
    const ids = new Set(instances.map(({ id }) => id));
    for (const id of this.#ears.keys()) if (!ids.has(id)) this.#ears.delete(id);
  }
}

function newEar(life: string, now: number): Ear {
  return { life, answer: undefined, heardAt: now, behind: undefined, isRefused: false, asking: undefined };
}

/** Whoever says to know a newer table can show it: the table here may have been lost. @throws OperationError if not */
async function assertKnown(
  { epoch, instance }: ParticipantAnswer,
  url: string,
  token: string,
): Promise<void> {
  const shown = await askTableEpoch(url, token);
  if (shown < epoch)
    throw new OperationError(`${instance} says epoch ${epoch}, and has a table of epoch ${shown}`);
}

function behindOf(
  { behind }: Ear,
  { epoch }: ParticipantAnswer,
  { newest, now }: { readonly newest: number; readonly now: number },
): Ear['behind'] {
  if (epoch >= newest) return undefined;
  return behind?.epoch === epoch ? behind : { epoch, since: now };
}
