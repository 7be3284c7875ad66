/** Talks to a running application over its control socket. */
import { request } from 'node:http';
import { OperationError, UserError } from '../app/failure.ts';

/** No controller listens on the socket. */
export class NotRunning extends Error {
  override readonly name = 'NotRunning';
}

/** The controller ended while its answer was waited for. */
export class ControllerLost extends OperationError {
  constructor(options?: ErrorOptions) {
    super(
      'the controller has ended, what it started may run on (holdfast up takes it over, holdfast down ends it)',
      options,
    );
  }
}

/** For a controller that has answered before: "nobody listens" means that it has ended. */
export function requireStillRunning(error: unknown): never {
  throw error instanceof NotRunning ? new ControllerLost({ cause: error }) : error;
}

export interface ControlClient {
  /** How often it is worth asking how things are; ms. */
  readonly pace: number;
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<unknown>;
}

/** How long an answer may take: to a question, and to a wish, of which ending everything is the longest; ms. */
const QUESTION_TIMEOUT = 10_000;
const WISH_TIMEOUT = 120_000;
const PACE = 80;

/** A client of the socket at `path`. Its calls throw NotRunning, UserError or OperationError. */
export function controlClient(path: string): ControlClient {
  return {
    pace: PACE,
    get: (target) => call(path, 'GET', target),
    post: (target, body = {}) => call(path, 'POST', target, body),
  };
}

async function call(socketPath: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const { status, text } = await exchange(socketPath, { method, path, body });
  const answer: unknown = JSON.parse(text);
  if (status < 400) return answer;
  const { error, kind } = answer as { error?: string; kind?: string };
  const message = error ?? `the controller answered ${status}`;
  throw kind === 'user' ? new UserError(message) : new OperationError(message);
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function exchange(
  socketPath: string,
  { method, path, body }: Exchange,
): Promise<{ status: number; text: string }> {
  const timeout = method === 'GET' ? QUESTION_TIMEOUT : WISH_TIMEOUT;
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    // A connection that was kept may be one that the controller closes just then, or of one that has ended.
    const options = { socketPath, method, path, headers, timeout, agent: false };
    const call = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', (error) => reject(describe(error)));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    call.on('error', (error) => reject(describe(error)));
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function describe(error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR')
    return new NotRunning('not running');
  if (code === 'ECONNRESET' || code === 'EPIPE') return new ControllerLost({ cause: error });
  return new OperationError(`the controller could not be asked: ${error.message}`, { cause: error });
}
