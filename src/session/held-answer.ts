/**
 * An answer that goes out only while its instance may give it. It is asked before the head and before each part: a handler
 * that slept through its right waits with its answer until the right has come again. If it has not, the answer is 503,
 * or the connection ends when the head has gone out already.
 */
import type { ServerResponse } from 'node:http';
import type { MayAnswer } from './keeper.ts';
import { answerUnavailable } from './unavailable.ts';

export interface AnswerGate {
  readonly mayAnswer: () => MayAnswer;
  /** Resolves when it need not wait any more, or has waited for too long, which is a no. */
  readonly decided: () => Promise<'yes' | 'no'>;
  /** The head of a stream of server-sent events is about to go out. */
  readonly onEventStream: () => void;
}

/** By properties of the answer's own: frameworks replace its prototype. */
export function holdAnswer(response: ServerResponse, gate: AnswerGate): void {
  const inner = methodsOf(response);
  const held = new HeldCalls(response, gate, () => {
    // The refusal itself goes the ordinary way; whatever the handler still writes goes nowhere.
    Object.assign(response, inner);
    answerUnavailable(response, 'The session has moved. Try again.');
    Object.assign(response, SILENT);
  });
  let hasBegun = false;
  response.writeHead = (...args: unknown[]) => {
    held.call(() => {
      if (!hasBegun && isEventStream(response, args.at(-1))) gate.onEventStream();
      hasBegun = true;
      Reflect.apply(inner.writeHead, response, args);
    });
    return response;
  };
  response.flushHeaders = () => {
    held.call(() => {
      Reflect.apply(inner.flushHeaders, response, []);
    });
  };
  response.write = (...args: unknown[]) =>
    held.call(() => Reflect.apply(inner.write, response, args) as boolean) ?? false;
  response.end = (...args: unknown[]) => {
    held.call(() => Reflect.apply(inner.end, response, args) as ServerResponse);
    return response;
  };
}

/** Calls of an answer's methods: done at once, or later in the same order, or never. */
class HeldCalls {
  readonly #response: ServerResponse;
  readonly #gate: AnswerGate;
  readonly #refuse: () => void;
  /** Undefined while nothing waits. */
  #waiting: (() => unknown)[] | undefined;
  /** A method that is let through calls others. */
  #isInside = false;

  constructor(response: ServerResponse, gate: AnswerGate, refuse: () => void) {
    this.#response = response;
    this.#gate = gate;
    this.#refuse = refuse;
  }

  /** What the call gives; undefined when it is not done now. */
  call<Result>(work: () => Result): Result | undefined {
    if (this.#isInside) return work();
    if (this.#waiting !== undefined) {
      this.#waiting.push(work);
      return undefined;
    }
    const may = this.#gate.mayAnswer();
    if (may === 'yes') return this.#inside(work);
    if (may === 'no') this.#refuse();
    else this.#wait(work);
    return undefined;
  }

  #wait(first: () => unknown): void {
    this.#waiting = [first];
    // To whoever looks, an answer that waits has begun: nobody should begin another one.
    if (!this.#response.headersSent)
      Object.defineProperty(this.#response, 'headersSent', { configurable: true, value: true });
    void this.#gate.decided().then((may) => this.#goOn(may));
  }

  #goOn(may: 'yes' | 'no'): void {
    const calls = this.#waiting ?? [];
    this.#waiting = undefined;
    Reflect.deleteProperty(this.#response, 'headersSent');
    if (this.#response.destroyed) return;
    if (may === 'no') return this.#refuse();
    try {
      for (const call of calls) this.#inside(call);
    } catch (error) {
      // A misuse that would have been thrown in the handler, which has gone on: the answer can't be completed.
      if (!this.#response.writableEnded) this.#response.destroy(error instanceof Error ? error : undefined);
      return;
    }
    // Who was told to wait with the next part goes on; if there is more to wait for, Node says so itself.
    if (!this.#response.writableEnded && !this.#response.writableNeedDrain) this.#response.emit('drain');
  }

  #inside<Result>(work: () => Result): Result {
    this.#isInside = true;
    try {
      return work();
    } finally {
      this.#isInside = false;
    }
  }
}

type Methods = Pick<ServerResponse, 'writeHead' | 'flushHeaders' | 'write' | 'end'>;

function methodsOf({ writeHead, flushHeaders, write, end }: Methods): Methods {
  return { writeHead, flushHeaders, write, end };
}

const SILENT = {
  writeHead(this: ServerResponse): ServerResponse {
    return this;
  },
  flushHeaders(): void {},
  write: (): boolean => false,
  end(this: ServerResponse): ServerResponse {
    return this;
  },
};

function isEventStream(response: ServerResponse, headers: unknown): boolean {
  const type = givenType(headers) ?? response.getHeader('content-type');
  return typeof type === 'string' && type.startsWith('text/event-stream');
}

function givenType(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
}
