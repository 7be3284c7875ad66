/**
 * The sessions of this instance, in its memory only: this is the state that Holdfast routes users to.
 * The map is kept in order of last use, so that the idle sessions are always at its beginning.
 */
export interface Session {
  readonly id: string;
  readonly email: string;
  /** Counts the uses: a lost session shows as a count that starts anew. */
  readonly calls: number;
  /** Beginning, ms since 1970. */
  readonly since: number;
  /** Last use, ms since 1970. */
  readonly used: number;
}

export interface Limits {
  /** How long a session lives unused, in ms. */
  readonly idle: number;
  readonly count: number;
}

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A new session, or undefined when there are too many: a living one is never pushed out. */
  open(id: string, email: string, now: number): Session | undefined {
    this.#forgetIdle(now);
    if (this.#sessions.size >= this.#limits.count) return undefined;
    return this.#keep({ id, email, calls: 0, since: now, used: now });
  }

  /** The member's session with one more call counted, or undefined if it isn't here. */
  use(id: string, email: string, now: number): Session | undefined {
    this.#forgetIdle(now);
    const session = this.#sessions.get(id);
    if (session?.email !== email) return undefined;
    this.#sessions.delete(id);
    return this.#keep({ ...session, calls: session.calls + 1, used: now });
  }

  /** Ends the member's session; false if it isn't here. */
  end(id: string, email: string): boolean {
    return this.#sessions.get(id)?.email === email && this.#sessions.delete(id);
  }

  get size(): number {
    return this.#sessions.size;
  }

  #keep(session: Session): Session {
    this.#sessions.set(session.id, session);
    return session;
  }

  #forgetIdle(now: number): void {
    for (const { id, used } of this.#sessions.values()) {
      if (now - used < this.#limits.idle) return;
      this.#sessions.delete(id);
    }
  }
}
