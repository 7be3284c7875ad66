/**
 * A member who pays another again and again, each payment with a key of its own: so it is known afterwards
 * which ones were acknowledged, and whether each is there exactly once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { logIn } from '../../example/session-load.ts';
import { PASSWORD } from './members.ts';

const PAUSE_MS = 50;
const ANSWER_WITHIN_MS = 2_000;

export class Writer {
  /** Keys of the payments that were acknowledged. */
  readonly acknowledged: string[] = [];
  /** Longest time between two acknowledgements; ms. */
  longestGap = 0;
  /** All that was not acknowledged. */
  readonly refused: string[] = [];
  readonly #end = new AbortController();
  readonly #work: Promise<void>;

  private constructor(url: string, token: string, to: string) {
    this.#work = this.#goOn(url, token, to);
  }

  /** @param from must stay logged in only for its token, which every community instance accepts */
  static async start(url: string, from: string, to: string): Promise<Writer> {
    const [session] = await logIn(url, [from], PASSWORD);
    return new Writer(url, session?.token ?? '', to);
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.#work;
  }

  async #goOn(url: string, token: string, to: string): Promise<void> {
    let last = performance.now();
    for (let number = 0; !this.#end.signal.aborted; number++) {
      const key = `payment-${number}`;
      if (await this.#pay(url, token, { to, cents: 1, memo: key }, key)) {
        this.longestGap = Math.max(this.longestGap, performance.now() - last);
        last = performance.now();
        this.acknowledged.push(key);
      }
      await sleep(PAUSE_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  async #pay(url: string, token: string, body: object, key: string): Promise<boolean> {
    try {
      const response = await fetch(`${url}/transfers`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await response.text();
      if (response.status !== 201) this.refused.push(`${response.status} ${text.slice(0, 100)}`);
      return response.status === 201;
    } catch (error) {
      this.refused.push(String(error));
      return false;
    }
  }
}
