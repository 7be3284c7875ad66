/** An application whose cluster or namespace lacks something that it needs: the App says so, and what to do. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import { onCluster, shopFolder } from '../kubernetes-verbs/shop-folder.ts';
import { Community } from './support/community.ts';
import { migrationsWithMembers } from './support/example.ts';
import { startHoldfast, type Holdfast } from './support/holdfast.ts';
import { assertUnharmedIn, crew, everybodyAnswers, logInsWork, startLoad } from './support/members.ts';

/** A cluster of its own beside the one that the other tests share. */
const POOR = {
  HOLDFAST_CLUSTER_NAME: 'hfpoor',
  HOLDFAST_CLUSTER_RUN: '/run/holdfast-hfpoor',
  HOLDFAST_CLUSTER_NET: '10.75.0',
  HOLDFAST_CLUSTER_PODS: '10.247',
  HOLDFAST_CLUSTER_SERVICES: '10.94',
  HOLDFAST_CLUSTER_METRICS: '0',
  HOLDFAST_CLUSTER_DEFAULT_CLASS: '0',
};
const REACTION = 60_000;
const ACCOUNTS = ['holdfast', 'holdfast-migrator', 'holdfast-service-login', 'holdfast-service-community'];

describe('an application on a cluster that lacks something', () => {
  let holdfast: Holdfast;
  let app: Community;
  before(async () => {
    holdfast = await startHoldfast({ nodes: 1, env: POOR });
    app = await Community.in(holdfast, 'lacks', await migrationsWithMembers());
  });
  after(() => holdfast?.[Symbol.asyncDispose]());

  const says = async (words: RegExp, withinMs: number): Promise<void> =>
    app.until(`its condition says ${words.source}`, withinMs, async () =>
      words.test((await app.condition('Ready'))?.message ?? ''),
    );

  it('says that the Secret with the passwords is not there, and what belongs in it', async () => {
    await app.apply(({ database }) => Object.assign(database, { existingSecret: 'own' }));
    assert.match(
      await app.told('Stalled', 'InvalidSpec', REACTION),
      /the Secret "own" does not exist; it needs a password for each of holdfast, /,
    );
    await app.create('v1', 'Secret', 'own', {
      stringData: Object.fromEntries(ACCOUNTS.map((account) => [account, `${account}-5eCret'"\\ %`])),
    });
  });

  it('says that the database has no volume since no storage class is the default, and how to name one', async () => {
    await says(/database: its volume is not provided: this cluster has no default storage class/, REACTION);
    await says(/Name one: database\.storageClass/, REACTION);
    assert.notEqual((await app.condition('Ready'))?.status, 'True');
  });

  it('gets ready once the class is named, and works with the passwords of the user', async () => {
    await app.apply(({ database }) => Object.assign(database, { storageClass: 'standard' }));
    await app.ready();
    const claim = await app.get(RESOURCE_TYPES.PersistentVolumeClaim, 'data-community-database-0');
    assert.equal(
      (claim as unknown as { spec: { storageClassName: string } }).spec.storageClassName,
      'standard',
    );
    const url = await app.url();
    await logInsWork(url);
    const load = await startLoad(url, crew(1, 20));
    try {
      await everybodyAnswers(load);
      await assertUnharmedIn(app, load);
    } finally {
      await load.end();
    }
  });

  it('is ready though nothing measures the load; doctor says so, and how to get what measures it', async () => {
    await using folder = await shopFolder(holdfast.cluster);
    const { code, stdout } = await onCluster(folder, app.namespace, ['doctor', '--json']);
    assert.equal(code, 1);
    const findings = JSON.parse(stdout) as { check: string; ok: boolean; found: string; remedy?: string }[];
    const finding = (check: string) => findings.find((found) => found.check === check);
    assert.equal(finding('definition')?.ok, true);
    assert.equal(finding('metrics')?.ok, false);
    assert.match(finding('metrics')?.remedy ?? '', /metrics-server/);
    // Its file names no class, and the cluster still has none for such a file.
    assert.equal(finding('storage class')?.ok, false);
    assert.match(finding('storage class')?.remedy ?? '', /storageClass/);
  });
});
