import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCompact } from '../../routing/hand-over/compact-table.ts';
import { draftOf, followingTable, type CopiedTable } from '../../routing/hand-over/copied-table.ts';
import { TABLE_KEY } from '../../routing/published-structure.ts';
import { AppSessions, type SessionInput } from './app-sessions.ts';
import type { ConfigMap } from './observe/kinds.ts';

const MEMBER = { id: 'web-1', incarnation: 'first', url: 'http://127.0.0.1:1', http: 'http://127.0.0.1:2' };

function table(after: number): CopiedTable {
  const draft = draftOf(undefined, [MEMBER]);
  draft.owners.fill(0);
  return followingTable(undefined, draft, { service: 'web', after });
}

function stored(table: CopiedTable, resourceVersion: string): ConfigMap {
  const data = { [TABLE_KEY]: JSON.stringify(encodeCompact(table)) };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'shop-web-owners', resourceVersion },
    data,
  };
}

function sessions(mayAct = () => true): AppSessions {
  return new AppSessions({ wake: () => undefined, mayAct, onError: () => undefined });
}

function publish(table: CopiedTable) {
  return { kind: 'publish-table', table, moved: 0, reason: 'a test' } as const;
}

/** Nobody is left of the only member. */
const ALONE: SessionInput = { instances: [], pods: [], tokens: { web: 'a token of sixteen' } };

test('a table is written in place of the one that the round has seen, and holds before it can be seen', async () => {
  const app = sessions();
  const maps = [stored(table(4), '17')];
  assert.equal(app.tables(maps)['web']?.epoch, 5);
  const versions: unknown[] = [];
  await app.apply(publish(table(5)), (_, version) => {
    versions.push(version);
    return Promise.resolve('18');
  });
  assert.deepEqual(versions, ['17']);
  assert.equal(app.tables(maps)['web']?.epoch, 6);
});

test('a step that was planned before another table was stored is still about the one before', async () => {
  const app = sessions();
  app.tables([stored(table(4), '17')]);
  const versions: unknown[] = [];
  const write = (_: object, version: string | undefined): Promise<string> => {
    versions.push(version);
    return Promise.resolve('18');
  };
  await app.apply(publish(table(5)), write);
  await app.apply(publish(table(6)), write);
  assert.deepEqual(versions, ['17', '17'], 'the API server refuses the second one');
});

test('a round that began before a table was put in force plans no other', async () => {
  const app = sessions();
  app.tables([stored(table(4), '17')]);
  await app.apply(publish(table(5)), () => Promise.resolve('18'));
  assert.equal((await app.observe(ALONE)).handOvers['web']?.isBusy, true);
});

test('nothing is written by a controller that does not lead any more', async () => {
  const app = sessions(() => false);
  app.tables([stored(table(4), '17')]);
  await assert.rejects(
    app.apply(publish(table(5)), () => assert.fail('it was written')),
    /another controller may lead/,
  );
});

test('a damaged table is as good as none', () => {
  const damaged = { ...stored(table(4), '17'), data: { [TABLE_KEY]: '{"copies":{"planes":1}}' } };
  assert.deepEqual(sessions().tables([damaged]), {});
});

test('whose pod has vanished is missing, and not taken for ended at once', async () => {
  const app = sessions();
  app.tables([stored(table(4), '17')]);
  const { handOvers } = await app.observe(ALONE);
  assert.deepEqual(
    handOvers['web']?.missing?.map(({ incarnation }) => incarnation),
    ['first'],
  );
});
