/** The controller's own faults, and what is done to its objects by hand. One installed application serves most tests. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { RESOURCE_TYPES, type KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import {
  conditionOf,
  type Condition,
  type Deployment,
  type Pod,
} from '../../src/platform/kubernetes/observe/kinds.ts';
import { auditLog, isWrite, type AuditedRequest } from './support/audit.ts';
import { buildImages } from './support/cluster.ts';
import { Community, isReady, type Change } from './support/community.ts';
import {
  controllers,
  CONTROLLER_USER,
  cpuTime,
  followLog,
  freeze,
  killController,
  leader,
  someLeader,
  successor,
} from './support/controllers.ts';
import { migrationsWithMembers } from './support/example.ts';
import { startHoldfast, type Holdfast } from './support/holdfast.ts';
import { assertUnharmedIn, crew, startLoad } from './support/members.ts';
import { loadUnderTags } from './support/more-tags.ts';
import { ownedObjects, stateOf, versionsOf, watchSecrets, type State } from './support/state.ts';

/** For how long nothing may happen while nothing is to be done. */
const REST = 15_000;
/** Processor time of a leader in that time; it is 20 ms where this was written. */
const REST_CPU = 500;
/** Whatever the controller does by itself, without waiting for pods; ms. */
const REACTION = 60_000;
/** How long the API server is away; ms. */
const AWAY = 60_000;
const KILLS = 20;
/** Until an autoscaler has figures of new pods, which changes its status and then the App's; ms. */
const MEASURED_WITHIN = 120_000;

type Scaler = KubeObject & { readonly status?: { readonly conditions?: readonly Condition[] } };

const LOGIN_2 = 'localhost/community/login:2';

/** Leaving instances keep their users for a short time only; an Ingress, so that there is every kind of object. */
const asAtFirst: Change = (spec) => {
  spec.services.login.stateful.drain = '5s';
  spec.services.login.instances = { min: 2, max: 6 };
  spec.services.community.instances = { min: 2, max: 10, cpu: '70%' };
  spec.router = { ingress: { host: 'community.example' } };
  spec.database = { topology: 'single', storage: '1Gi' };
  Object.assign(spec, { paused: false });
  releaseOf('1')(spec);
};
const threeLogins: Change = ({ services }) => {
  services.login.instances = { min: 3, max: 6 };
};
function releaseOf(tag: string): Change {
  return ({ services }) => {
    for (const name of ['login', 'community'] as const)
      services[name].image = `localhost/community/${name}:${tag}`;
  };
}

describe('the controller', () => {
  let holdfast: Holdfast;
  let app: Community;
  /** Of the application as at first. */
  let calm: State;
  before(async () => {
    holdfast = await startHoldfast();
    assert.ok(holdfast.cluster.isOwn, 'these tests stop the API server: they need a cluster of their own');
    const { login, community } = await buildImages();
    for (const archive of [login, community]) await loadUnderTags(holdfast.cluster, archive, ['2']);
    app = await Community.in(holdfast, 'controller-calm', await migrationsWithMembers(100));
    await app.apply(asAtFirst);
    await app.ready();
    calm = await stateOf(app);
  });
  after(async () => {
    await app?.end();
    await holdfast?.[Symbol.asyncDispose]();
  });

  const requestsSince = async (start: number): Promise<AuditedRequest[]> =>
    (await auditLog(holdfast.cluster)).filter(
      ({ at, user, resource }) => at >= start && user === CONTROLLER_USER && resource !== 'leases',
    );
  const leadingPod = async (): Promise<Pod> => {
    const name = await someLeader(holdfast);
    const pod = (await controllers(holdfast)).find(({ metadata }) => metadata.name === name);
    assert.ok(pod, `the leader ${name} is a pod`);
    return pod;
  };
  const patch = (kind: keyof typeof RESOURCE_TYPES, name: string, change: object): Promise<KubeObject> =>
    holdfast.client.mergePatch(
      RESOURCE_TYPES[kind],
      { namespace: app.namespace, name: `community${name}` },
      change,
    );
  const remove = (kind: keyof typeof RESOURCE_TYPES, name: string): Promise<void> =>
    holdfast.client.remove(RESOURCE_TYPES[kind], { namespace: app.namespace, name: `community${name}` });
  const untilAsAtFirst = async (): Promise<void> => {
    let now: State = {};
    const isMended = async (): Promise<boolean> => isDeepStrictEqual((now = await stateOf(app)), calm);
    await app.until('everything is as at first', REACTION, isMended).catch(() => assert.deepEqual(now, calm));
  };
  const mended = async (): Promise<void> => {
    await untilAsAtFirst();
    await app.ready();
  };
  const backToFirst = async (): Promise<void> => {
    await app.apply(asAtFirst);
    await app.ready();
    await mended();
  };
  afterEach(backToFirst);
  const loginDeployment = async (): Promise<Deployment & { spec: { template: PodTemplate } }> => {
    const deployment = await app.get<Deployment & { spec: { template: PodTemplate } }>(
      RESOURCE_TYPES.Deployment,
      'community-login',
    );
    assert.ok(deployment);
    return deployment;
  };

  it('writes nothing and has no work while nothing changes', async () => {
    const leading = await leadingPod();
    /** What is written while something goes on, and the processor time that it takes; ms. */
    const measured = async (during: () => Promise<void>): Promise<{ written: string[]; cpu: number }> => {
      const [start, before, used] = [Date.now(), await versionsOf(app), await cpuTime(leading)];
      await during();
      const changed = [...(await versionsOf(app))].filter(([key, version]) => before.get(key) !== version);
      const writes = (await requestsSince(start)).filter(isWrite);
      const written = [
        ...writes.map(({ verb, resource, name = '' }) => `${verb} ${resource} ${name}`),
        ...changed.map(([key]) => `changed: ${key}`),
      ];
      return { written, cpu: (await cpuTime(leading)) - used };
    };
    await app.until('the load is measured', MEASURED_WITHIN, async () => {
      const scaler = await app.get<Scaler>(RESOURCE_TYPES.HorizontalPodAutoscaler, 'community-community');
      return scaler !== undefined && conditionOf(scaler, 'ScalingActive')?.status === 'True';
    });
    await app.until('what the installation has left to do is done', REACTION, async () => {
      const before = await versionsOf(app);
      await delay(3_000);
      return isDeepStrictEqual(await versionsOf(app), before);
    });
    const quiet = await measured(() => delay(REST));
    assert.deepEqual(quiet.written, []);
    assert.ok(quiet.cpu < REST_CPU, `${quiet.cpu} ms of processor time in ${REST} ms without a change`);

    // That all of it could be seen: somebody edits again and again.
    const busy = await measured(async () => {
      const used = await cpuTime(leading);
      await app.until('the controller has worked', REACTION, async () => {
        await patch('Service', '-login', { metadata: { labels: { 'app.kubernetes.io/name': 'x' } } });
        return (await cpuTime(leading)) - used >= REST_CPU;
      });
    });
    assert.ok(busy.written.includes('patch services community-login'), busy.written.slice(0, 9).join());
    assert.ok(busy.written.includes('changed: Service/community-login'));
    await mended();
  });

  it('repairs what is edited by hand, but not while it is paused', async () => {
    const url = Buffer.from('mysql://nobody@nowhere/nothing').toString('base64');
    const edits: readonly (readonly [keyof typeof RESOURCE_TYPES, string, object])[] = [
      ['Deployment', '-login', { spec: { replicas: 4 } }],
      ['Deployment', '-router', { spec: { revisionHistoryLimit: 7 } }],
      [
        'StatefulSet',
        '-database',
        { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } } },
      ],
      ['Service', '-router', { spec: { selector: { 'app.kubernetes.io/name': 'nobody' } } }],
      ['ConfigMap', '-routing', { data: { structure: '{}' } }],
      ['Role', '-router', { rules: [] }],
      ['RoleBinding', '-router', { subjects: [] }],
      ['ServiceAccount', '-router', { automountServiceAccountToken: true }],
      ['PodDisruptionBudget', '-community', { spec: { maxUnavailable: 2 } }],
      ['HorizontalPodAutoscaler', '-community', { spec: { maxReplicas: 99 } }],
      ['Ingress', '-router', { spec: { rules: [{ host: 'other.example' }] } }],
      ['Secret', '-urls', { data: { login: url } }],
    ];
    for (const [kind, name, change] of edits) await patch(kind, name, change);
    await mended();
    assert.notEqual(await app.secret('community-urls', 'login'), 'mysql://nobody@nowhere/nothing');

    await app.apply((spec) => Object.assign(spec, { paused: true }));
    const isPaused = async (): Promise<boolean> =>
      (await app.condition('Reconciling'))?.message?.startsWith('paused') === true;
    await app.until('it is paused', REACTION, isPaused);
    await patch('PodDisruptionBudget', '-community', { spec: { maxUnavailable: 2 } });
    await remove('HorizontalPodAutoscaler', '-community');
    await app.until('it tells what it leaves undone', REACTION, async () =>
      /objects/.test((await app.condition('Ready'))?.message ?? ''),
    );
    const left = await stateOf(app);
    assert.notDeepEqual(
      left['PodDisruptionBudget/community-community'],
      calm['PodDisruptionBudget/community-community'],
    );
    assert.equal(left['HorizontalPodAutoscaler/community-community'], undefined);
  });

  it('says why a spec can not be used, and what was in force goes on', async () => {
    await app.apply(({ database }) => Object.assign(database, { existingSecret: 'nowhere' }));
    const words = await app.told('Stalled', 'InvalidSpec', REACTION);
    assert.match(words, /database\.existingSecret: the Secret "nowhere" does not exist/);
    assert.match(words, /or change the spec; what was in force goes on/);
    await remove('PodDisruptionBudget', '-login');
    await untilAsAtFirst();
    assert.equal((await fetch(await app.url())).status, 200);
  });

  it('is not missed for a minute without the API server, and then does what was missed', async () => {
    const load = await startLoad(await app.url(), crew(0, 50));
    try {
      await holdfast.cluster.stopApiServer();
      const answered = load.answered;
      await delay(AWAY);
      assert.ok(load.answered > answered + AWAY / 100, 'there was load');
      await holdfast.cluster.startApiServer();
      await app.apply(threeLogins);
      await app.ready();
    } finally {
      await load.end();
    }
    await assertUnharmedIn(app, load);
    assert.equal((await app.pods('login')).filter(isReady).length, 3);
  });

  it('undoes and doubles nothing when it wakes up after somebody else has taken over', async () => {
    const frozen = await leadingPod();
    const { name } = frozen.metadata;
    const reading = new AbortController();
    const log = followLog(holdfast, name, reading.signal);
    try {
      await app.apply(releaseOf('2'));
      await app.until(
        'the release is under way',
        REACTION,
        async () => imageOf(await loginDeployment()) === LOGIN_2,
      );
      const frost = await freeze(frozen);
      let next: string;
      let wokeUp: number;
      try {
        next = await successor(holdfast, name);
        await app.apply(threeLogins);
        const isScaled = async (): Promise<boolean> => (await loginDeployment()).spec.replicas === 3;
        await app.until('the successor has scaled', REACTION, isScaled);
      } finally {
        wokeUp = Date.now();
        frost[Symbol.dispose]();
      }
      const knows = (): Promise<boolean> => Promise.resolve(log.text.includes('does not lead any more'));
      await app.until('the one that woke up knows that it does not lead', REACTION, knows);
      await app.ready();
      assert.equal(await leader(holdfast), next);
      const late = (await requestsSince(wokeUp)).filter(
        (request) => isWrite(request) && request.pod === name,
      );
      assert.deepEqual(
        late.filter(({ code }) => code < 300),
        [],
      );
      assert.equal(imageOf(await loginDeployment()), LOGIN_2);
      assert.equal((await app.pods('login')).filter(isReady).length, 3);
    } finally {
      reading.abort();
    }
  });

  it('brings back every kind of object that is deleted by hand', async () => {
    // Without these two all data would have to be given up.
    const kept = new Set(['community-database', 'community-generated']);
    const owned = await ownedObjects(app);
    const deleted = owned.filter(({ kind, metadata }) => kind !== 'Secret' || !kept.has(metadata.name));
    // The contract's Job is there only where nothing is left of what the one before it has told.
    const needed = deleted.filter(({ metadata }) => !metadata.name.startsWith('community-contract-'));
    assert.equal(new Set(deleted.map(({ kind }) => kind)).size, 12);
    for (const { kind, metadata } of deleted)
      await holdfast.client.remove(RESOURCE_TYPES[kind as keyof typeof RESOURCE_TYPES], metadata);
    await app.until('all of them are there again', REACTION, async () => {
      const now = await ownedObjects(app);
      return needed.every((old) => now.some((object) => isAnew(object, old)));
    });
    await app.ready();
    await mended();
    assert.equal((await fetch(await app.url())).status, 200);
  });

  it(`ends at the same state when it is killed ${KILLS} times while it installs, scales and releases`, async () => {
    await using killed = await Community.in(holdfast, 'controller-killed', await migrationsWithMembers(100));
    const secrets = watchSecrets(holdfast, killed.namespace);
    let kills = 0;
    const killAtRandom = async (many: number): Promise<void> => {
      for (const last = kills + many; kills < last; kills++) {
        const name = await someLeader(holdfast);
        await delay(Math.random() * 1_500);
        await killController(holdfast, name);
      }
    };
    const whileKilled = async (change: Change, many: number): Promise<void> => {
      await Promise.all([killed.apply(change), killAtRandom(many)]);
      await killed.ready();
    };
    try {
      await whileKilled(asAtFirst, 8);
      assert.deepEqual(await stateOf(killed), calm);
      await whileKilled(threeLogins, 4);
      assert.equal((await killed.pods('login')).filter(isReady).length, 3);
      await whileKilled(releaseOf('2'), 4);
      const images = (await killed.pods('login'))
        .filter(isReady)
        .map(({ spec }) => imageOf({ spec: { template: { spec } } }));
      assert.deepEqual(images, [LOGIN_2, LOGIN_2, LOGIN_2]);
      await whileKilled(asAtFirst, KILLS - kills);
      assert.deepEqual(await stateOf(killed), calm);
      assert.equal(kills, KILLS);
    } finally {
      secrets.end();
    }
    assert.equal(secrets.contents.size, 5);
    for (const [name, contents] of secrets.contents) assert.equal(contents.size, 1, `${name} has changed`);
    assert.equal((await killed.pods('migrations')).length, 1, 'the migrations ran once');
  });
});

interface PodTemplate {
  readonly spec: object;
}

function imageOf({ spec }: { readonly spec: { readonly template: PodTemplate } }): string | undefined {
  const { containers } = spec.template.spec as {
    readonly containers?: readonly { readonly image: string }[];
  };
  return containers?.[0]?.image;
}

function isAnew({ kind, metadata }: KubeObject, old: KubeObject): boolean {
  const isSameName = kind === old.kind && metadata.name === old.metadata.name;
  return isSameName && metadata.uid !== old.metadata.uid && metadata.deletionTimestamp === undefined;
}
