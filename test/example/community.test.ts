/** The example as a newcomer meets it: brought up, used over HTTP and in a browser, ended, brought up again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../src/controller/status.ts';
import { statusWhen } from '../machine-services/support.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { openPage } from './browser.ts';
import { exampleApp } from './example-app.ts';
import { logIn } from './session-load.ts';

const [alice, bob] = ['alice@example.org', 'bob@example.org'];
const PASSWORD = 'holdfast';

test('the example comes up with one command, is used, and keeps its data over down and up', async () => {
  await using app = await exampleApp();
  const status = await bringUp(app);
  const url = urlOf(status);
  assert.equal(status.name, 'community');
  assert.deepEqual(status.database.topology, 'single');
  assert.deepEqual([status.migrations.applied, status.migrations.pending], [5, 0]);
  for (const service of status.services)
    assert.deepEqual(
      service.instances.map(({ state }) => state),
      ['ready', 'ready'],
      service.name,
    );

  const client = await memberOf(url, alice);
  const first = await client.get<{ calls: number; instance: string }>('/login/session');
  const second = await client.get<{ calls: number; instance: string }>('/login/session');
  assert.deepEqual([first.calls, second.calls], [1, 2], 'calls count up');
  assert.equal(first.instance, second.instance, 'a member stays with an instance');
  await statusWhen(app, 'sessions have a copy', ({ services }) =>
    services.some(({ copies }) => copies?.alone === 0 && copies.incomplete === 0),
  );
  const explained = JSON.parse((await app.must('explain', alice, '--json')).stdout) as Record<
    string,
    unknown
  >;
  assert.deepEqual([explained['owner'], explained['servedBy']], [first.instance, first.instance]);
  assert.match(String(explained['second']), /^login-[12]$/, 'somebody else has a copy');

  await client.pay(bob, 1250);
  assert.equal(await client.cents(), 8750);
  assert.equal(await (await memberOf(url, bob)).cents(), 11_250);

  await inTheBrowser(url);
  const beforeDown = await client.cents();
  assert.equal(beforeDown, 8650);

  await app.must('down');
  await assert.rejects(fetch(url), 'nobody listens after down');
  const again = await bringUp(app);
  assert.equal(again.url, url, 'the same address');
  assert.deepEqual([again.migrations.applied, again.migrations.pending], [5, 0]);
  assert.equal(await (await memberOf(url, alice)).cents(), beforeDown, 'the data was kept');
});

/** Alice logs in on the page, pays Bob 1.00, sees who answers, and is still there after a reload. */
async function inTheBrowser(url: string): Promise<void> {
  await using opened = await openPage(url);
  const { page, errors } = opened;
  await page.getByLabel('E-mail').first().fill(alice);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#balance', { hasText: '87.50' }).waitFor();
  const instance = await page.locator('#login-instance').textContent();
  assert.match(String(instance), /^login-[12]$/);
  assert.match(String(await page.locator('#community-instance').textContent()), /^community-[12]$/);

  await page.getByLabel('To', { exact: true }).fill(bob);
  await page.getByLabel('Amount').fill('1.00');
  await page.getByLabel('What for').fill('<b>bread & butter</b>');
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.locator('#balance', { hasText: '86.50' }).waitFor();
  await page.locator('#transfers .memo', { hasText: '<b>bread & butter</b>' }).waitFor();

  const calls = Number(await page.locator('#calls').textContent());
  await page.reload();
  await page.locator('#balance', { hasText: '86.50' }).waitFor();
  assert.equal(await page.locator('#login-instance').textContent(), instance, 'the session is where it was');
  assert.ok(Number(await page.locator('#calls').textContent()) > calls, 'and goes on counting');
  assert.deepEqual(errors, []);
}

interface Member {
  get<T>(path: string): Promise<T>;
  pay(to: string, cents: number): Promise<void>;
  cents(): Promise<number>;
}

/** A member who has just logged in. */
async function memberOf(url: string, email: string): Promise<Member> {
  const [session] = await logIn(url, [email], PASSWORD);
  const headers = { 'x-user': email, authorization: `Bearer ${session?.token ?? ''}` };
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(url + path, { headers });
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };
  return {
    get,
    async pay(to, cents) {
      const body = JSON.stringify({ to, cents, memo: '' });
      const response = await fetch(`${url}/transfers`, {
        method: 'POST',
        body,
        headers: { ...headers, 'content-type': 'application/json' },
      });
      assert.equal(response.status, 201, await response.text());
    },
    cents: async () => (await get<{ cents: number }>('/balance')).cents,
  };
}

async function bringUp(app: AppFolder): Promise<Status> {
  return JSON.parse((await app.must('up', '--detach', '--json')).stdout) as Status;
}

function urlOf(status: Status): string {
  assert.ok(status.url);
  return status.url;
}
