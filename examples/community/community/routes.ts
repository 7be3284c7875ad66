/** The paths of community. Any instance can answer any request: who asks is in the token. */
import type { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Pool } from 'mysql2/promise';
import { jsonBody } from '../shared/service.ts';
import { verifyBearer } from '../shared/token.ts';
import { accountOf, listMembers } from './members.ts';
import { readTransfer } from './transfer-request.ts';
import { lastTransfers, transfer, type TransferResult } from './transfers.ts';

export interface Community {
  readonly instance: string;
  readonly tokenKey: string;
  readonly pool: Pool;
}

export function addCommunityRoutes(app: Hono, { instance, tokenKey, pool }: Community): void {
  app.get('/members', async (c) => {
    callerOf(c.req.header('authorization'), tokenKey);
    return c.json({ instance, members: await listMembers(pool) }, 200, NO_STORE);
  });

  app.get('/balance', async (c) => {
    const email = callerOf(c.req.header('authorization'), tokenKey);
    const account = await accountOf(pool, email);
    if (account === undefined) throw new HTTPException(404, { message: 'there is no such member' });
    return c.json({ instance, email, ...account }, 200, NO_STORE);
  });

  app.get('/transfers', async (c) => {
    const email = callerOf(c.req.header('authorization'), tokenKey);
    return c.json({ instance, transfers: await lastTransfers(pool, email) }, 200, NO_STORE);
  });

  app.post('/transfers', async (c) => {
    const email = callerOf(c.req.header('authorization'), tokenKey);
    const request = readTransfer(await jsonBody(c.req), email, c.req.header('idempotency-key'));
    if ('problem' in request) throw new HTTPException(400, { message: request.problem });
    const { id, repeated } = accepted(await transfer(pool, email, request));
    return c.json({ instance, id }, repeated ? 200 : 201);
  });
}

const NO_STORE = { 'Cache-Control': 'no-store' };

/** E-mail address of the member whose token the request carries. */
function callerOf(authorization: string | undefined, tokenKey: string): string {
  const claims = verifyBearer(authorization, tokenKey, Date.now());
  if (claims === undefined)
    throw new HTTPException(401, { message: 'the token is missing, false or expired' });
  return claims.email;
}

function accepted(result: TransferResult): { id: number; repeated: boolean } {
  switch (result.outcome) {
    case 'done':
    case 'repeated':
      return { id: result.id, repeated: result.outcome === 'repeated' };
    case 'unknown-member':
      throw new HTTPException(404, { message: 'there is no such member' });
    case 'overdraft':
      throw new HTTPException(409, { message: 'the balance is too small' });
    case 'key-reused':
      throw new HTTPException(409, { message: 'this idempotency key was used for another transfer' });
  }
}
