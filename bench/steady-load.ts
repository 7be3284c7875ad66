/**
 * Requests at a fixed rate, whatever becomes of them: an answer that is late delays no other request.
 * Each is noted with the time when it was due, so a stall shows in all that it held up.
 */
import { Agent, get } from 'node:http';

export interface Outcome {
  /** When the request was due, and when it was answered or failed; `performance.now()`, ms. */
  readonly due: number;
  readonly done: number;
  /** Absent when no answer came. */
  readonly status?: number;
}

/** How long one request may take; ms. */
const ANSWER_TIMEOUT_MS = 10_000;

export class SteadyLoad {
  readonly outcomes: Outcome[] = [];
  readonly #url: string;
  readonly #interval: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #underWay = new Set<Promise<void>>();
  #nextDue = performance.now();
  #timer: NodeJS.Timeout;

  constructor(url: string, perSecond: number) {
    this.#url = url;
    this.#interval = 1_000 / perSecond;
    this.#timer = setInterval(() => this.#catchUp(), 1);
  }

  /** Sends nothing more and waits for what is under way. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  #catchUp(): void {
    for (; this.#nextDue <= performance.now(); this.#nextDue += this.#interval) {
      const asked = this.#ask(this.#nextDue).finally(() => this.#underWay.delete(asked));
      this.#underWay.add(asked);
    }
  }

  #ask(due: number): Promise<void> {
    return new Promise((resolve) => {
      const note = (outcome: { status?: number }): void => {
        this.outcomes.push({ due, done: performance.now(), ...outcome });
        resolve();
      };
      const request = get(this.#url, { agent: this.#agent, timeout: ANSWER_TIMEOUT_MS }, (response) => {
        response.resume();
        response.on('end', () => note({ status: response.statusCode ?? 0 }));
        response.on('error', () => note({}));
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', () => note({}));
    });
  }
}
