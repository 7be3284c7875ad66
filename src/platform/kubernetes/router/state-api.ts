/**
 * The state API of a router: for the kubelet's probes, the other routers, the containers that hold the end
 * of an instance back, and the controller. Everything but the probes needs the application's internal token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import { TOKEN_HEADER, type InstanceState, type RouterState } from '../../../routing/router-state.ts';

/** What a router can be asked. Each rejects while HAProxy does not answer. */
export interface AskedRouter {
  readonly isReady: boolean;
  readonly token: () => Promise<string>;
  state(): Promise<RouterState>;
  instance(service: string, name: string): Promise<InstanceState>;
  /** Lets the users of an instance go to others, for good; fulfilled when that has happened. */
  release(service: string, name: string): Promise<void>;
  /** The instance that a user is pinned to. */
  pinOf(service: string, key: string): Promise<string | undefined>;
}

/** The API as a Hono application; testable without a port. */
export function stateApi(router: AskedRouter): Hono {
  const api = new Hono();
  api.get('/live', (c) => c.text('live\n'));
  api.get('/ready', (c) => (router.isReady ? c.text('ready\n') : c.text('not ready\n', 503)));
  api.use(async (c, next) => {
    if (isSame(c.req.header(TOKEN_HEADER) ?? '', await router.token())) return next();
    return c.json({ error: `the header ${TOKEN_HEADER} is missing or wrong` }, 401);
  });
  api.get('/state', async (c) => c.json(await router.state()));
  api.get('/instances/:service/:name', async (c) => {
    const { service, name } = c.req.param();
    return c.json(await router.instance(service, name));
  });
  api.post('/instances/:service/:name/release', async (c) => {
    const { service, name } = c.req.param();
    await router.release(service, name);
    return c.json({ released: true });
  });
  api.get('/pins/:service', async (c) => {
    const key = c.req.query('key');
    if (key === undefined) return c.json({ error: 'a key is needed: ?key=…' }, 400);
    return c.json({ instance: (await router.pinOf(c.req.param('service'), key)) ?? null });
  });
  api.onError((error, c) => c.json({ error: error.message }, 503));
  return api;
}

/** Takes the same time however much of it is right. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return token !== '' && timingSafeEqual(digest(given), digest(token));
}
