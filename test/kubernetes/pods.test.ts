/** One application on the cluster: its page, and its pods deleted, evicted and killed under load; its passwords. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import type { Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import { openPage } from '../example/browser.ts';
import { Community, isReady } from './support/community.ts';
import { DATABASE_POD, query } from './support/database-access.ts';
import {
  assertDrained,
  migrationsWithMembers,
  startExample,
  twoOfEach,
  type Example,
} from './support/example.ts';
import type { Holdfast } from './support/holdfast.ts';
import {
  assertUnharmedIn,
  crew,
  everybodyAnswers,
  homesOf,
  logInsWork,
  startLoad,
  summary,
} from './support/members.ts';
import { killIn } from './support/pod-processes.ts';
import { PodHistory } from './support/pod-history.ts';
import { routersSay } from './support/routers-say.ts';
import { Writer } from './support/writer.ts';

describe('pods under load', () => {
  let example: Example;
  let holdfast: Holdfast;
  let app: Community;
  let url: string;

  before(async () => {
    example = await startExample('pods', twoOfEach);
    ({ holdfast, app, url } = example);
  });
  after(() => example?.[Symbol.asyncDispose]());
  afterEach((context) => routersSay(context, app));
  const calm = async (): Promise<void> => {
    await app.quiet();
    await logInsWork(url);
  };

  const refOf = ({ metadata }: Pod) => ({ namespace: app.namespace, name: metadata.name });
  const remove = async (pod: Pod): Promise<void> => app.client.remove(RESOURCE_TYPES.Pod, refOf(pod));
  const evict = async (pod: Pod): Promise<void> =>
    assert.equal(await app.client.evict(refOf(pod)), 'evicted');
  /** The pod is gone, and as many are ready as before. */
  const replaced = (pod: Pod, part: string): Promise<void> =>
    app.until(`${pod.metadata.name} is replaced`, 120_000, async () => {
      const pods = await app.pods(part);
      const isThere = pods.some(({ metadata }) => metadata.uid === pod.metadata.uid);
      return !isThere && pods.length === 2 && pods.every(isReady);
    });
  describe('one after the other', () => {
    beforeEach(calm);

    it('shows a member the page of the example, and knows her after a reload', async () => {
      await using opened = await openPage(url);
      const { page, errors } = opened;
      await page.getByLabel('E-mail').first().fill('alice@example.org');
      await page.getByLabel('Password', { exact: true }).fill('holdfast');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.locator('#balance', { hasText: '100.00' }).waitFor();
      const pods = (await app.pods('login')).map(({ metadata }) => metadata.name);
      const instance = String(await page.locator('#login-instance').textContent());
      assert.ok(pods.includes(instance), `${instance} is one of ${pods.join(', ')}`);
      assert.match(String(await page.locator('#community-instance').textContent()), /^community-community-/);

      await page.getByLabel('To', { exact: true }).fill('bob@example.org');
      await page.getByLabel('Amount').fill('1.00');
      await page.getByLabel('What for').fill('<b>bread & butter</b>');
      await page.getByRole('button', { name: 'Pay' }).click();
      await page.locator('#balance', { hasText: '99.00' }).waitFor();
      await page.locator('#transfers .memo', { hasText: '<b>bread & butter</b>' }).waitFor();

      const calls = Number(await page.locator('#calls').textContent());
      await page.reload();
      await page.locator('#balance', { hasText: '99.00' }).waitFor();
      assert.equal(
        await page.locator('#login-instance').textContent(),
        instance,
        'the session is where it was',
      );
      assert.ok(Number(await page.locator('#calls').textContent()) > calls, 'and goes on counting');
      assert.deepEqual(errors, []);
    });

    // Those who have lost a session are all at the other instance afterwards: every such test has members of its own.
    for (const [what, end, guestsCrew] of [
      ['deleted', remove, 1],
      ['evicted', evict, 3],
    ] as const) {
      it(`loses nothing when an instance of a stateless service is ${what}`, async () => {
        const load = await startLoad(url, crew(0));
        try {
          const pod = await app.readyPod('community');
          await end(pod);
          await replaced(pod, 'community');
          await everybodyAnswers(load);
          await assertUnharmedIn(app, load);
        } finally {
          await load.end();
        }
      });

      it(`keeps users of a stateful service until the drain time when their instance is ${what}`, async () => {
        const load = await startLoad(url, crew(guestsCrew));
        using history = await PodHistory.watch(app);
        try {
          const pod = await app.readyPod('login');
          const { name } = pod.metadata;
          const guests = [...homesOf(load.sessions)].filter(([, instance]) => instance === name);
          assert.ok(guests.length > 20, `${guests.length} members are there`);
          await end(pod);
          await replaced(pod, 'login');
          await everybodyAnswers(load);
          assertDrained(load, history);
          assert.deepEqual(
            load.lost.map(({ email }) => email).toSorted(),
            guests.map(([email]) => email).toSorted(),
          );
        } finally {
          await load.end();
        }
      });
    }

    it('fails only what was in flight when an instance of a stateless service is killed', async () => {
      const load = await startLoad(url, crew(0));
      try {
        const pod = await app.readyPod('community');
        await killIn(pod, 'community/main.ts');
        await app.until('it is back', 60_000, async () => {
          const now = await app.get<Pod>(RESOURCE_TYPES.Pod, pod.metadata.name);
          return now?.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(now);
        });
        await everybodyAnswers(load);
        assert.deepEqual(summary(load.lost), {});
        assert.deepEqual(summary(load.failed.filter(({ text }) => !isInFlight(text))), {});
        assert.ok(load.failed.length <= MOST_IN_FLIGHT, `${load.failed.length} requests failed`);
      } finally {
        await load.end();
      }
    });

    it('harms only its own users when an instance of a stateful service is killed', async () => {
      const load = await startLoad(url, crew(4));
      try {
        const pod = await app.readyPod('login');
        const { name } = pod.metadata;
        const guests = [...homesOf(load.sessions)].filter(([, instance]) => instance === name);
        await killIn(pod, 'login/main.ts');
        await app.until('its users have learned of it', 60_000, () =>
          Promise.resolve(load.lost.length === guests.length),
        );
        await everybodyAnswers(load);
        assert.deepEqual(
          load.lost.map(({ email }) => email).toSorted(),
          guests.map(([email]) => email).toSorted(),
        );
        assert.deepEqual(summary(load.failed.filter(({ instance }) => instance !== name)), {});
      } finally {
        await load.end();
      }
    });

    it('fails no request when a router is deleted', async () => {
      const load = await startLoad(url, crew(2));
      try {
        const pod = await app.readyPod('router');
        await remove(pod);
        await replaced(pod, 'router');
        await everybodyAnswers(load);
        await assertUnharmedIn(app, load);
      } finally {
        await load.end();
      }
    });

    it('keeps every acknowledged payment and every session when the database is deleted', async (t) => {
      const load = await startLoad(url, crew(0, 50));
      const writer = await Writer.start(url, 'member-290@example.org', 'member-291@example.org');
      try {
        const pod = await app.readyPod('database');
        await remove(pod);
        await app.until('another has its place', 120_000, async () => {
          const now = await app.get<Pod>(RESOURCE_TYPES.Pod, DATABASE_POD);
          return now !== undefined && now.metadata.uid !== pod.metadata.uid && isReady(now);
        });
        const before = writer.acknowledged.length;
        await app.until('payments are made again', 60_000, () =>
          Promise.resolve(writer.acknowledged.length > before + 10),
        );
        await app.ready();
        await writer.end();
        await everybodyAnswers(load);
        const rows = await query(
          app,
          "SELECT idempotency_key AS payment FROM transfers WHERE purpose LIKE 'payment-%'",
        );
        const kept = new Set(rows.map(({ payment }) => payment));
        assert.deepEqual(
          writer.acknowledged.filter((key) => !kept.has(key)),
          [],
        );
        assert.deepEqual(summary(load.lost), {});
        t.diagnostic(
          `payments were away for ${Math.round(writer.longestGap)} ms: ${JSON.stringify(countOf(writer.refused))}`,
        );
        t.diagnostic(`others: ${JSON.stringify(summary(load.failed))}`);
      } finally {
        await writer.end();
        await load.end();
      }
    });

    it('gives everybody new passwords when the Secret with the passwords is deleted', async () => {
      const before = await app.secret('community-database', 'holdfast');
      const old = new Set((await app.pods()).map(({ metadata }) => metadata.uid));
      const ref = { namespace: app.namespace, name: 'community-database' };
      await app.client.remove(RESOURCE_TYPES.Secret, ref);
      await app.until('every instance has been replaced by one with new passwords', 180_000, async () => {
        const pods = [...(await app.pods('login')), ...(await app.pods('community'))];
        return pods.length === 4 && pods.every((pod) => isReady(pod) && !old.has(pod.metadata.uid));
      });
      assert.notEqual(await app.secret('community-database', 'holdfast'), before);
      assert.deepEqual(await query(app, 'SELECT 1 AS answer'), [{ answer: 1 }]);
      await app.quiet();
      await logInsWork(url);
      const load = await startLoad(url, crew(2, 20));
      try {
        await everybodyAnswers(load);
        await assertUnharmedIn(app, load);
      } finally {
        await load.end();
      }
    });
  });

  // A version gets half a minute to get ready, in which the other one is installed.
  describe('side by side', { concurrency: true }, () => {
    before(calm);

    it('says what to do when an instance needs more memory than it may have', async () => {
      const load = await startLoad(url, crew(2));
      try {
        await app.apply(({ services }) => {
          // Within this and half a minute its container has to be made, started and killed, however busy the node is.
          services.community.health.start = '20s';
          services.community.resources.memory = '24Mi';
        });
        const message = await app.told('RolledBack', 'NotReadyInTime');
        assert.match(message, /needed more memory than its limit \(raise resources\.memory\)/);
        await assertUnharmedIn(app, load);
        await app.apply(({ services }) => {
          services.community.health.start = '30s';
          services.community.resources.memory = '192Mi';
        });
        await app.ready();
        await assertUnharmedIn(app, load);
      } finally {
        await load.end();
      }
    });

    it('uses a database elsewhere, by a URL in a Secret', async () => {
      await using other = await Community.in(holdfast, 'pods-external', await migrationsWithMembers());
      const password = await app.secret('community-database', 'holdfast-migrator');
      const address = `mysql://holdfast-migrator:${password}@community-database.${app.namespace}.svc:3306/community`;
      await other.create('v1', 'Secret', 'elsewhere', { stringData: { url: address } });
      await other.apply((spec) => {
        spec.database = { topology: 'external', url: { secret: 'elsewhere', key: 'url' } };
      });
      await other.ready();
      await logInsWork(await other.url());
      const load = await startLoad(await other.url(), crew(1, 20));
      try {
        await everybodyAnswers(load);
        await assertUnharmedIn(other, load);
      } finally {
        await load.end();
      }
      assert.deepEqual(await other.pods('database'), []);
    });
  });
});

/** So many requests can be under way to one of two instances at 100 requests/s. */
const MOST_IN_FLIGHT = 20;

/** A request that had reached the instance: whether it was carried out is unknown, so it is not repeated. */
function isInFlight(text: string): boolean {
  return /: 502 /.test(text);
}

function countOf(texts: readonly string[]): Record<string, number> {
  const kinds = Map.groupBy(texts, (text) => text.replaceAll(/\d{4,}|[0-9a-f]{6,}-\w+/g, '…'));
  return Object.fromEntries([...kinds].map(([kind, found]) => [kind, found.length]));
}
