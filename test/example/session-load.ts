/**
 * Members of the example who go on using it, and the checker of their sessions. Login counts the calls
 * of each session in its memory, and every member knows the number that must come next, or the few that may when
 * requests have failed: a session that was lost, began anew or exists twice shows at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

export interface Session {
  readonly email: string;
  readonly token: string;
  /** The instance that has it in its memory. */
  readonly instance: string;
  /** How often it has been used. */
  readonly calls: number;
}

/** A session, and how many requests since its last answer may have counted, though they failed. */
type Used = Session & { readonly unanswered?: number };

export interface Finding {
  readonly email: string;
  /** When the answer came; ms since the epoch. */
  readonly at: number;
  /** Where the session was last seen. */
  readonly instance: string;
  readonly text: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly sessions: readonly Session[];
  /** Pause of a member between two requests; ms. */
  readonly think: number;
}

const CONNECTIONS = 200;
/** As long as any answer may take before it counts as failed; ms. */
const ANSWER_TIMEOUT = 15_000;
/** Login lets at most a hundred wait for their password to be checked. */
const LOG_INS_AT_ONCE = 50;

/** Logs members in, some at a time. @throws when one is refused. */
export async function logIn(url: string, emails: readonly string[], password: string): Promise<Session[]> {
  const pool = connect(url);
  const waiting = [...emails];
  const sessions: Session[] = [];
  const worker = async (): Promise<void> => {
    for (let email = waiting.pop(); email !== undefined; email = waiting.pop())
      sessions.push(await openSession(pool, email, password));
  };
  try {
    await Promise.all(Array.from({ length: LOG_INS_AT_ONCE }, worker));
  } finally {
    await pool.destroy();
  }
  return sessions;
}

/** Goes on until it is ended. Members whose session is gone stop: what follows says nothing new. */
export class SessionLoad {
  /** Broken connections, and answers other than 2xx that do not say that the session is gone. */
  readonly failed: Finding[] = [];
  /** Sessions that are gone, or whose number of calls is not the one that must come next. */
  readonly lost: Finding[] = [];
  #answered = 0;
  readonly #sessions = new Map<string, Session>();
  readonly #pool: Pool;
  readonly #end = new AbortController();
  readonly #members: Promise<void>;

  constructor({ url, sessions, think }: LoadOptions) {
    this.#pool = connect(url);
    this.#members = Promise.all(
      sessions.map((session, index) => this.#goOn(session, think, (index / sessions.length) * think)),
    ).then(() => undefined);
  }

  /** Requests with the right answer so far. */
  get answered(): number {
    return this.#answered;
  }

  /** The sessions as last seen, those that are lost left out. */
  get sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.#members;
    await this.#pool.destroy();
  }

  async #goOn(first: Session, think: number, offset: number): Promise<void> {
    const { signal } = this.#end;
    let session: Used | undefined = first;
    this.#sessions.set(first.email, first);
    await pause(offset, signal);
    while (!signal.aborted && session !== undefined) {
      session = await this.#useSession(session);
      await pause(think / 2, signal);
      if (!signal.aborted && session !== undefined) await this.#readBalance(session);
      await pause(think / 2, signal);
    }
  }

  /** @returns the session after one more call; undefined once it is lost */
  async #useSession(session: Used): Promise<Used | undefined> {
    const answer = await this.#get('/login/session', session);
    if (answer.status === 401) return this.#lose(session, `gone: ${answer.text}`);
    if (answer.status !== 200) {
      this.failed.push(finding(session, `/login/session: ${answer.status} ${answer.text}`));
      return { ...session, unanswered: (session.unanswered ?? 0) + 1 };
    }
    const next = JSON.parse(answer.text) as Session;
    const more = next.calls - session.calls - 1;
    if (more < 0 || more > (session.unanswered ?? 0))
      return this.#lose(session, `call ${session.calls + 1} came back as ${next.calls} at ${next.instance}`);
    this.#answered++;
    this.#sessions.set(next.email, next);
    return next;
  }

  async #readBalance(session: Session): Promise<void> {
    const { status, text } = await this.#get('/balance', session);
    const isOwn = status === 200 && (JSON.parse(text) as { email: string }).email === session.email;
    if (isOwn) this.#answered++;
    else this.failed.push(finding(session, `/balance: ${status} ${text}`));
  }

  #lose(session: Session, text: string): undefined {
    this.lost.push(finding(session, text));
    this.#sessions.delete(session.email);
  }

  async #get(path: string, { email, token }: Session): Promise<{ status: number; text: string }> {
    const headers = { 'x-user': email, authorization: `Bearer ${token}` };
    try {
      const { statusCode, body } = await this.#pool.request({ method: 'GET', path, headers });
      return { status: statusCode, text: await body.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }
}

function connect(url: string): Pool {
  return new Pool(url, {
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: ANSWER_TIMEOUT,
    bodyTimeout: ANSWER_TIMEOUT,
  });
}

async function openSession(pool: Pool, email: string, password: string): Promise<Session> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/login/session',
    headers: { 'x-user': email, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  const text = await body.text();
  if (statusCode !== 201) throw new Error(`${email} could not log in: ${statusCode} ${text}`);
  return JSON.parse(text) as Session;
}

function finding({ email, instance }: Session, text: string): Finding {
  return { email, instance, at: Date.now(), text };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
