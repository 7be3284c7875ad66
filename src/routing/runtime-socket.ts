/**
 * A client of HAProxy's runtime socket: one connection a command, as the protocol has it when it is not
 * interactive. The answer is everything until HAProxy closes; a complete one ends with a line break.
 */
import { createConnection } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { OperationError } from '../app/failure.ts';

/** How long HAProxy may stay silent within one command. */
const SILENCE_TIMEOUT_MS = 5_000;

/** Nobody answered: the router is down, starting, or hung. Another try later may work. */
export class RouterUnreachable extends OperationError {}

/** HAProxy answered that it does not do this; `reply` has its words. */
export class CommandRefused extends OperationError {
  readonly reply: string;
  constructor(command: string, reply: string) {
    super(`The router refused "${firstLine(command)}": ${reply}`);
    this.reply = reply;
  }
}

export class RuntimeSocket {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The answer to a command, without the white space around it. Commands may be joined by `;`. HAProxy
   * marks no answer as an error: see `tell` for commands that answer nothing when they work.
   * @throws RouterUnreachable
   */
  async ask(command: string, signal?: AbortSignal): Promise<string> {
    let reply = '';
    for await (const part of this.parts(command, signal)) reply += part;
    return reply.trim();
  }

  /**
   * The answers to several commands over one connection, each of which answers something and has no empty
   * line inside its answer: HAProxy puts one after each. @throws RouterUnreachable, CommandRefused
   */
  async askAll(commands: readonly string[], signal?: AbortSignal): Promise<string[]> {
    const reply = await this.ask(commands.join('; '), signal);
    const replies = reply.split(/\n{2,}/);
    if (replies.length !== commands.length) throw new CommandRefused(commands.join('; '), reply);
    return replies;
  }

  /** Sends a command that says nothing when it has worked. @throws CommandRefused, RouterUnreachable */
  async tell(command: string, signal?: AbortSignal): Promise<void> {
    const reply = await this.ask(command, signal);
    if (reply !== '') throw new CommandRefused(command, reply);
  }

  /** The answer in pieces, for those that may be long. @throws RouterUnreachable */
  async *parts(command: string, signal?: AbortSignal): AsyncGenerator<string> {
    signal?.throwIfAborted();
    const socket = createConnection(this.#path).setEncoding('utf8');
    if (signal !== undefined) addAbortSignal(signal, socket);
    socket.setTimeout(SILENCE_TIMEOUT_MS, () =>
      socket.destroy(new Error(`silent for ${SILENCE_TIMEOUT_MS} ms`)),
    );
    let last = '';
    try {
      socket.write(`${command}\n`);
      for await (const part of socket) {
        last = String(part);
        yield last;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw new RouterUnreachable(`The router does not answer at ${this.#path}: ${String(cause)}`, { cause });
    } finally {
      socket.destroy();
    }
    if (!last.endsWith('\n')) {
      throw new RouterUnreachable(`The router broke off its answer to "${firstLine(command)}"`);
    }
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
