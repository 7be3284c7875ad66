/**
 * Members of the example who pay each other, and look whether what they were told is there: each payment has words of
 * its own, which must come back from whichever instance answers, of whichever version.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Transfer } from '../../examples/community/community/transfers.ts';
import type { Session } from './session-load.ts';

/** As long as any answer may take before it counts as failed; ms. */
const ANSWER_TIMEOUT = 15_000;

interface Options {
  readonly url: string;
  readonly sessions: readonly Session[];
  /** Pause of a member after each payment; ms. */
  readonly think: number;
}

/** Goes on until it is ended. */
export class PaymentLoad {
  /** Answers other than the right one, in words. */
  readonly failed: string[] = [];
  /** The words of all payments that were acknowledged. */
  readonly paid: string[] = [];
  readonly #pool: Pool;
  readonly #end = new AbortController();
  readonly #members: Promise<unknown>;

  constructor({ url, sessions, think }: Options) {
    const timeouts = { headersTimeout: ANSWER_TIMEOUT, bodyTimeout: ANSWER_TIMEOUT };
    this.#pool = new Pool(url, { connections: sessions.length, pipelining: 1, ...timeouts });
    this.#members = Promise.all(
      sessions.map((session, at) =>
        this.#goOn(session, sessions[(at + 1) % sessions.length] ?? session, think),
      ),
    );
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.#members;
    await this.#pool.destroy();
  }

  async #goOn(session: Session, { email: to }: Session, think: number): Promise<void> {
    const { signal } = this.#end;
    for (let number = 1; !signal.aborted; number++) {
      const memo = `payment ${number} of ${session.email}`;
      if (await this.#pay(session, { to, cents: 1, memo })) await this.#lookFor(memo, session);
      await sleep(think, undefined, { signal }).catch(() => undefined);
    }
  }

  async #pay(session: Session, payment: { to: string; cents: number; memo: string }): Promise<boolean> {
    const answer = await this.#ask('POST', session, JSON.stringify(payment));
    if (answer.status !== 201) this.failed.push(`${payment.memo}: ${answer.status} ${answer.text}`);
    else this.paid.push(payment.memo);
    return answer.status === 201;
  }

  async #lookFor(memo: string, session: Session): Promise<void> {
    const { status, text } = await this.#ask('GET', session);
    const isThere = status === 200 && transfersIn(text).some((transfer) => transfer.memo === memo);
    if (!isThere) this.failed.push(`${memo} is not in ${status} ${text}`);
  }

  async #ask(
    method: 'GET' | 'POST',
    { email, token }: Session,
    body?: string,
  ): Promise<{ status: number; text: string }> {
    const headers = {
      'x-user': email,
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    try {
      const answer = await this.#pool.request({ method, path: '/transfers', headers, body: body ?? null });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }
}

function transfersIn(text: string): readonly Transfer[] {
  return (JSON.parse(text) as { transfers: readonly Transfer[] }).transfers;
}
