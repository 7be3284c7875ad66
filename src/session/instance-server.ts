/** The interface of an instance for the controller and for other instances: a port of its own, never routed to users. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { OperationError } from '../app/failure.ts';
import { jsonLines, parse, readText, TooMuchError } from './body.ts';
import type { CarriedSession, CopyAnswer, Import } from './carried.ts';
import { now, type HandOverRequest, type Instance } from './instance.ts';
import { decodeToldTable } from './told-table.ts';
import { readCopy, readImport, type Addressed } from './wire.ts';

export interface InstanceServerOptions {
  readonly instance: Instance;
  readonly token: string;
  readonly formatVersion: number;
  /** The session in the version of this instance. @throws OperationError when it cannot be */
  readonly upgrade: (session: CarriedSession) => CarriedSession;
}

interface Answer {
  readonly status: number;
  /** A text is JSON already. */
  readonly body: unknown;
}

type Route = (request: IncomingMessage) => Promise<Answer>;

export function createInstanceServer(options: InstanceServerOptions): Server {
  const isAllowed = tokenCheck(options.token);
  const routes = routesOf(options);
  return createServer((request, response) => {
    const route = routes.get(`${request.method} ${request.url}`);
    if (!isAllowed(request)) respond(response, { status: 401, body: { error: 'a token is needed' } });
    else if (route === undefined)
      respond(response, { status: 404, body: { error: 'there is no such path' } });
    else {
      void route(request)
        .catch(failed)
        .then((answer) => respond(response, answer));
    }
  });
}

/** Compares digests, so that the time tells nothing of the token. */
export function tokenCheck(token: string): (request: IncomingMessage) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digest(headers.authorization ?? ''), wanted);
}

function routesOf({ instance, formatVersion, upgrade }: InstanceServerOptions): Map<string, Route> {
  const { keeper } = instance;
  return new Map<string, Route>([
    [
      'PUT /table',
      async (request) => {
        const text = await readText(request);
        const isTaken = instance.tell(decodeToldTable(parse(text)), text);
        return { status: isTaken ? 200 : 409, body: { epoch: keeper.epoch } };
      },
    ],
    ['GET /table', () => Promise.resolve({ status: instance.told === '' ? 404 : 200, body: instance.told })],
    [
      'GET /state',
      () => {
        const { incarnation, id } = instance;
        const unreadable = keeper.countNewer(formatVersion);
        return Promise.resolve({
          status: 200,
          body: { instance: id, incarnation, ...keeper.state(), formatVersion, unreadable },
        });
      },
    ],
    [
      'POST /copy',
      async (request) => {
        const { to, body } = await readCopy(jsonLines(request));
        if (to !== instance.incarnation) return gone(to);
        const answer = keeper.takeCopy(body, now());
        return answer === undefined ? stale(keeper.epoch) : { status: 200, body: copyAnswer(answer) };
      },
    ],
    [
      'POST /import',
      async (request) => {
        const { to, body }: Addressed<Import> = await readImport(jsonLines(request));
        if (to !== instance.incarnation) return gone(to);
        const sessions = body.sessions.map(upgrade);
        const isKept = keeper.import({ ...body, sessions }, now());
        return isKept ? { status: 200, body: { sessions: sessions.length } } : stale(keeper.epoch);
      },
    ],
    [
      'POST /hand-over',
      async (request) => {
        const given = await instance.handOver(readHandOver(parse(await readText(request))));
        return given === undefined ? stale(keeper.epoch) : { status: 200, body: given };
      },
    ],
  ]);
}

function copyAnswer({ epoch, refused }: CopyAnswer): object {
  return { epoch, refused: Object.fromEntries(refused) };
}

/** Something newer is known. */
function stale(epoch: number): Answer {
  return { status: 409, body: { epoch } };
}

function gone(incarnation: string): Answer {
  return { status: 410, body: { error: `${incarnation} is not here any more` } };
}

function readHandOver(value: unknown): HandOverRequest {
  const { epoch, slots, to, as = 'owner' } = (value ?? {}) as Record<string, unknown>;
  const { incarnation, url } = (to ?? {}) as Record<string, unknown>;
  const isComplete =
    Number.isSafeInteger(epoch) && typeof incarnation === 'string' && typeof url === 'string';
  if (!isComplete || !Array.isArray(slots) || !slots.every(Number.isSafeInteger) || !isRole(as)) {
    throw new OperationError('epoch, slots, to.incarnation and to.url are needed; as is owner or second');
  }
  return { epoch: Number(epoch), slots: slots as number[], to: { incarnation, url }, as };
}

function isRole(value: unknown): value is 'owner' | 'second' {
  return value === 'owner' || value === 'second';
}

function failed(error: unknown): Answer {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TooMuchError) return { status: 413, body: { error: message } };
  return { status: error instanceof OperationError ? 400 : 500, body: { error: message } };
}

function respond(response: ServerResponse, { status, body }: Answer): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}
