/** Asks every router that DNS names about one instance. Imports nothing but Node's own: memory is per pod. */
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:http';
import { readAnswer, readSlots, type RouterAnswer } from './drain-verdict.ts';
import type { DrainSettings } from './drain-settings.ts';

/** The routers' state API; the same numbers as `PORTS.state` and `TOKEN_HEADER`, which would load more. */
const STATE_PORT = 8081;
const TOKEN_HEADER = 'x-holdfast-token';
/** How long a router may take to answer; ms. */
const ANSWER_WITHIN = 3_000;

/** What each router said, by address; undefined for no answer, whatever the reason: it is asked again. */
export type Answers<T> = ReadonlyMap<string, T | undefined>;

/** Whether new users may come, and who is there. @throws what DNS or the token's file says */
export async function askState(settings: DrainSettings, signal: AbortSignal): Promise<Answers<RouterAnswer>> {
  const question = { method: 'GET', path: pathOf(settings), signal } as const;
  return askEach(settings, question, (reply) => readAnswer(bodyOf(reply)));
}

/**
 * Has the users go elsewhere. Where nobody listens there is no HAProxy, and one that is started is told by the others.
 * @throws what DNS or the token's file says
 */
export async function askRelease(settings: DrainSettings, signal: AbortSignal): Promise<Answers<true>> {
  const question = { method: 'POST', path: `${pathOf(settings)}/release`, signal } as const;
  return askEach(settings, question, (reply) => (reply === undefined ? undefined : true));
}

/**
 * Of how many slots the instance is owner or second owner, by its own word; 0 when nothing listens any more.
 * Undefined when it does not say.
 * @throws what the token's file says
 */
export async function askSlots(
  { sessions }: DrainSettings,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (sessions === undefined) return 0;
  const token = (await readFile(sessions.tokenFile, 'utf8')).trim();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]);
  const headers = { authorization: `Bearer ${token}` };
  const place = { host: '127.0.0.1', port: sessions.port, path: '/state' };
  const asked = await ask({ ...place, headers, agent: false, signal: limit });
  return asked === 'refused' ? 0 : readSlots(bodyOf(asked));
}

function pathOf({ service, instance }: DrainSettings): string {
  return `/instances/${encodeURIComponent(service)}/${encodeURIComponent(instance)}`;
}

interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Name resolution that failed is not the answer that there is no router. */
async function askEach<T>(
  { routers, tokenFile }: DrainSettings,
  { signal, ...question }: Question,
  read: (reply: Reply) => T | undefined,
): Promise<Answers<T>> {
  const addresses = await resolve(routers);
  const token = (await readFile(tokenFile, 'utf8')).trim();
  const asked = addresses.map(async (host) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]);
    const headers = { [TOKEN_HEADER]: token };
    const reply = await ask({ ...question, host, port: STATE_PORT, headers, agent: false, signal: limit });
    return [host, read(reply)] as const;
  });
  return new Map(await Promise.all(asked));
}

async function resolve(name: string): Promise<string[]> {
  try {
    return [...new Set((await lookup(name, { all: true })).map(({ address }) => address))];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTFOUND') return [];
    throw error;
  }
}

/** A good answer; undefined for any other, `refused` when nobody listens. */
type Reply = { readonly body: string } | 'refused' | undefined;

const bodyOf = (reply: Reply): string => (typeof reply === 'object' ? reply.body : '');

function ask(options: RequestOptions): Promise<Reply> {
  return new Promise((resolve) => {
    const asked = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(response.statusCode === 200 ? { body } : undefined));
    });
    asked.on('error', (error) =>
      resolve('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : undefined),
    );
    asked.end();
  });
}
