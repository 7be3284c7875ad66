/** What `explain` foretells of a service that hands sessions over is what happens, and it tells it afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/controller/status.ts';
import type { Explanation } from '../../src/routing/explain.ts';
import { statusWhen } from '../machine-services/support.ts';
import { AppFolder } from '../support/app-folder.ts';

const service = fileURLToPath(new URL('../session/fixtures/notes.ts', import.meta.url));
const NOTES = `name: notes
services:
  notes:
    run: ${JSON.stringify(`node ${service}`)}
    health: { ready: /ready }
    stateful: { key: { header: x-user }, handoff: true, drain: 30s }
    instances: { min: 2, max: 4 }
`;
const USERS = ['ann', 'bob', 'cleo', 'dan'];

const hasCopies = ({ state, services: [notes] }: Status, count: number): boolean =>
  state === 'ready' &&
  notes?.copies?.alone === 0 &&
  notes.copies.incomplete === 0 &&
  notes.instances.filter(({ share = 0 }) => share > 0.9 / count).length === count;

test('who will own a user after a scaling is known before it', async () => {
  await using app = await AppFolder.create(NOTES);
  const explain = async (user: string, ...args: string[]): Promise<Explanation> =>
    JSON.parse((await app.must('explain', user, ...args, '--json')).stdout) as Explanation;
  await app.must('up', '--detach');
  await statusWhen(app, 'two have copies', (status) => hasCopies(status, 2));
  const foretold = await Promise.all(USERS.map((user) => explain(user, '--if', '+1')));
  assert.match(
    String(foretold[0]?.whatIf?.words.join('\n')),
    /^the user.*\n2184[56] of 65537 slots move .* about 0 sessions$/,
  );
  await app.must('scale', 'notes=3');
  await statusWhen(app, 'three have copies', (status) => hasCopies(status, 3));
  for (const before of foretold) checkMove(before, await explain(before.key));
});

function checkMove(before: Explanation, after: Explanation): void {
  assert.equal(after.owner, before.whatIf?.owner, after.key);
  assert.notEqual(after.second, undefined);
  if (after.owner === before.owner) return;
  const [move] = after.moves;
  assert.deepEqual([move?.from, move?.to], [before.owner, 'notes-3']);
  assert.match(move?.reason ?? '', /^notes-\d hands over$/);
}
