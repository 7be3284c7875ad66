/** What a cluster tells of a user: the published table with its history, and what the routers say, asked through the API. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { parseApp } from '../../src/app/parse.ts';
import { ownersData } from '../../src/platform/kubernetes/objects/owners-data.ts';
import { explainUser } from '../../src/platform/kubernetes/verbs/explain-user.ts';
import type { Explanation } from '../../src/routing/explain.ts';
import { ownerOf } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { fakeApi, json, refuse, type Asked } from './fake-api.ts';

const APP = parseApp(
  'name: shop\nservices:\n  login: { run: x, stateful: { key: { header: u } } }\nroutes: { /: login }\n',
  'holdfast.yaml',
);
const TABLE = steadyTable(undefined, 'login', alike(['login-a', 'login-b']));
const OWNER = ownerOf(TABLE, 'ann') ?? '';
const OTHER = OWNER === 'login-a' ? 'login-b' : 'login-a';
/** Users with a session at each instance. */
const SESSIONS = 7;

const routers = ['shop-router-1', 'shop-router-2'].map((name) => ({
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
}));

/** The first router does not answer, the second one knows that ann has a session away from her owner. */
function answer({ path }: Asked, response: ServerResponse): void {
  if (path.includes('router-1')) return refuse(response, 503, 'ServiceUnavailable');
  if (path.endsWith('/pins/login')) return json(response, { instance: OTHER });
  if (path.includes('/instances/login/')) return json(response, { closed: false, users: SESSIONS });
  if (path.endsWith('/configmaps/shop-login-owners'))
    return json(response, {
      metadata: { name: 'shop-login-owners' },
      data: ownersData(undefined, { table: TABLE, at: 5, reason: '2 owners' }),
    });
  if (path.endsWith('/pods')) return json(response, { metadata: {}, items: routers });
  return json(response, { metadata: { name: 'shop-internal' }, data: { token: 'dG9rZW4=' } });
}

async function asked(t: TestContext, changes: readonly string[], reply = answer): Promise<Explanation> {
  const { client } = await fakeApi(t, reply);
  const ref = { namespace: 'default', name: 'shop' };
  return explainUser(client, ref, APP, { key: 'ann', service: undefined, changes });
}

test('owner, session and the last move are told as on a machine', async (t) => {
  const found = await asked(t, []);
  assert.deepEqual([found.owner, found.servedBy, found.pinned], [OWNER, OTHER, true]);
  assert.deepEqual(found.moves, [{ epoch: 1, at: 5, reason: '2 owners', from: null, to: OWNER }]);
  assert.equal(found.whatIf, undefined);
});

test('what would happen counts the users that routers know of', async (t) => {
  const { whatIf } = await asked(t, [`-${OTHER}`]);
  assert.deepEqual([whatIf?.owner, whatIf?.users], [OWNER, SESSIONS]);
  assert.match(String(whatIf?.words[0]), new RegExp(`stays at ${OTHER} until`));
});

test('without the right to ask routers the rest is told all the same', async (t) => {
  const found = await asked(t, ['+1'], (one, response) =>
    one.path.includes('/proxy/') ? refuse(response, 403, 'Forbidden') : answer(one, response),
  );
  assert.deepEqual([found.owner, found.pinned, found.whatIf?.users], [OWNER, false, undefined]);
  assert.match(found.reason, /your rights do not allow/);
});
