/** What users are told when nobody can serve them just now. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A session can't be read or written just now: to be answered with 503. */
export class SessionUnavailableError extends Error {
  override readonly name = 'SessionUnavailableError';
  /** `unknown`: the change was made here, and nobody knows whether it will last. */
  readonly outcome: 'none' | 'unknown';

  constructor(message: string, outcome: 'none' | 'unknown' = 'none') {
    super(message);
    this.outcome = outcome;
  }
}

/** 503 as if nothing had run, unless an answer has begun: then the connection ends. */
export function answerUnavailable(response: ServerResponse, reason: string): void {
  answerPlainly(response, 503, reason);
}

export function answerPlainly(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const retry = status === 503 ? { 'retry-after': '1' } : {};
  response.writeHead(status, { 'content-type': 'text/plain', ...retry }).end(`${reason}\n`);
}

/** The same on a connection that was to become something else. */
export function refuseUpgrade(socket: Duplex, status: 400 | 502 | 503): void {
  const reason = { 400: 'Bad Request', 502: 'Bad Gateway', 503: 'Service Unavailable' }[status];
  const retry = status === 503 ? 'Retry-After: 1\r\n' : '';
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${retry}Connection: close\r\nContent-Length: 0\r\n\r\n`);
}
