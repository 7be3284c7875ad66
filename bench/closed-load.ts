/**
 * A fixed number of requests over kept connections, each connection asking again as soon as it is
 * answered. It writes ready-made bytes and looks only at how an answer begins and ends, so that on few
 * cores it leaves the machine to what is measured.
 */
import { connect } from 'node:net';

export interface ClosedLoad {
  readonly host: string;
  readonly port: number;
  /** Whole requests, sent in turn. */
  readonly requests: readonly string[];
  /** How the body of every answer ends. */
  readonly body: string;
  readonly connections: number;
  /** How many requests altogether. */
  readonly count: number;
}

/** @throws when an answer is not 200 with that body, or a connection breaks */
export async function closedLoad(load: ClosedLoad): Promise<void> {
  let next = 0;
  const take = (): string | undefined => {
    const request = load.requests[next % load.requests.length];
    next += 1;
    return next > load.count ? undefined : request;
  };
  await Promise.all(Array.from({ length: load.connections }, () => oneConnection(load, take)));
}

function oneConnection({ host, port, body }: ClosedLoad, take: () => string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }).setEncoding('latin1');
    let answer = '';
    const ask = (): void => {
      const request = take();
      if (request === undefined) socket.end();
      else socket.write(request);
    };
    socket.on('connect', ask).on('error', reject).on('close', resolve);
    socket.on('data', (text: string) => {
      answer += text;
      if (!answer.endsWith(body)) return;
      if (!answer.startsWith('HTTP/1.1 200 ')) socket.destroy(new Error(`the answer was ${answer}`));
      answer = '';
      ask();
    });
    // The other side closes only after `ask` has: before that an answer is missing.
    socket.on('end', () => socket.writableEnded || socket.destroy(new Error(`it broke off: ${answer}`)));
  });
}
