/**
 * The paths of login. Every request carries the header `x-user`, the normalised e-mail address: the
 * router chooses the instance by it, so that a member always meets the instance with the session.
 */
import { randomUUID } from 'node:crypto';
import type { Sessions } from 'holdfast/session';
import type { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Pool } from 'mysql2/promise';
import { normaliseEmail } from '../shared/email.ts';
import { jsonBody } from '../shared/service.ts';
import { signToken, verifyBearer, type Claims } from '../shared/token.ts';
import { called, loggedIn, loggedOut, type LogIn } from './log-ins.ts';
import { addMember, passwordHashOf } from './members.ts';
import { checkPassword, hashPassword } from './password.ts';
import type { WorkQueue } from './work-queue.ts';

/** Every call renews the token, so this only bounds how long community accepts one after log-out. */
const TOKEN_LIFE_MS = 60 * 60_000;

export interface Login {
  readonly instance: string;
  readonly tokenKey: string;
  readonly pool: Pool;
  /** By the member's e-mail address, which is the router's key too. */
  readonly sessions: Pick<Sessions<readonly LogIn[]>, 'update'>;
  /** Where the password hashing waits its turn. */
  readonly hashing: WorkQueue;
}

export function addLoginRoutes(app: Hono, login: Login): void {
  app.post('/login/register', async (c) => {
    const { email, password, name } = registration(await jsonBody(c.req), c.req.header('x-user'));
    const passwordHash = await hashed(login, () => hashPassword(password));
    const added = await addMember(login.pool, { email, name, passwordHash });
    if (!added) throw new HTTPException(409, { message: 'this e-mail address is a member already' });
    return c.json({ email, name, instance: login.instance }, 201);
  });

  app.post('/login/session', async (c) => {
    const { email, password } = credentials(await jsonBody(c.req), c.req.header('x-user'));
    const stored = await passwordHashOf(login.pool, email);
    const right = await hashed(login, () => checkPassword(password, stored));
    if (!right) throw new HTTPException(401, { message: 'wrong e-mail address or password' });
    const logIn = { id: randomUUID(), calls: 0, since: Date.now() };
    await login.sessions.update(email, (logIns) => loggedIn(logIns, logIn));
    return c.json(answer(login, email, logIn), 201, NO_STORE);
  });

  app.get('/login/session', async (c) => {
    const claims = ownClaims(login, c.req.header('authorization'), c.req.header('x-user'));
    const logIns = await login.sessions.update(claims.email, (logIns) => called(logIns, claims.session));
    const logIn = logIns?.find(({ id }) => id === claims.session);
    if (logIn === undefined) throw new HTTPException(401, { message: 'the session is gone' });
    return c.json(answer(login, claims.email, logIn), 200, NO_STORE);
  });

  app.delete('/login/session', async (c) => {
    const claims = ownClaims(login, c.req.header('authorization'), c.req.header('x-user'));
    await login.sessions.update(claims.email, (logIns) => loggedOut(logIns, claims.session));
    return c.body(null, 204);
  });
}

const NO_STORE = { 'Cache-Control': 'no-store' };

function answer(login: Login, email: string, { id, calls, since }: LogIn): Record<string, string | number> {
  const token = signToken({ email, session: id, expires: Date.now() + TOKEN_LIFE_MS }, login.tokenKey);
  return { instance: login.instance, email, calls, since: new Date(since).toISOString(), token };
}

function ownClaims(login: Login, authorization: string | undefined, user: string | undefined): Claims {
  const claims = verifyBearer(authorization, login.tokenKey, Date.now());
  if (claims === undefined)
    throw new HTTPException(401, { message: 'the token is missing, false or expired' });
  if (claims.email !== user)
    throw new HTTPException(400, { message: 'x-user must be the e-mail of the token' });
  return claims;
}

function credentials(
  body: Record<string, unknown>,
  user: string | undefined,
): { email: string; password: string } {
  const email = normaliseEmail(body['email']);
  const password = body['password'];
  if (email === undefined) throw new HTTPException(400, { message: 'email must be an e-mail address' });
  if (email !== user)
    throw new HTTPException(400, { message: 'x-user must be the e-mail address in lower case' });
  if (typeof password !== 'string' || password === '' || password.length > 200) {
    throw new HTTPException(400, { message: 'password must have 1 to 200 characters' });
  }
  return { email, password };
}

function registration(
  body: Record<string, unknown>,
  user: string | undefined,
): { email: string; password: string; name: string } {
  const name = typeof body['name'] === 'string' ? body['name'].trim() : '';
  if (name === '' || name.length > 100)
    throw new HTTPException(400, { message: 'name must have 1 to 100 characters' });
  const { email, password } = credentials(body, user);
  if (password.length < 8)
    throw new HTTPException(400, { message: 'password must have 8 or more characters' });
  return { email, password, name };
}

async function hashed<T>(login: Login, work: () => Promise<T>): Promise<T> {
  // Boxed, because the queue says "refused" by undefined.
  const done = await login.hashing.run(async () => ({ result: await work() }));
  if (done === undefined) throw new HTTPException(503, { message: 'too many log-ins at once' });
  return done.result;
}
