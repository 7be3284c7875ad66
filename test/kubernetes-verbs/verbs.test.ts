/** The verbs with `--context`, on one application from its first deployment on. Each test goes on from the one before. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Status } from '../../src/controller/status.ts';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import type { AppObject, ConfigMap } from '../../src/platform/kubernetes/observe/kinds.ts';
import { until } from '../cluster/until.ts';
import { buildImages } from '../kubernetes/support/cluster.ts';
import { startHoldfast, type Holdfast, type TestNamespace } from '../kubernetes/support/holdfast.ts';
import { loadUnderTags } from '../kubernetes/support/more-tags.ts';
import type { AppFolder, Result } from '../support/app-folder.ts';
import { onCluster, shopFolder } from './shop-folder.ts';

const LOGIN = 'localhost/community/login';
const FOLLOW_MS = 60_000;

describe('the verbs on a cluster', () => {
  let holdfast: Holdfast;
  let space: TestNamespace;
  let folder: AppFolder;
  before(async () => {
    holdfast = await startHoldfast();
    await loadUnderTags(holdfast.cluster, (await buildImages()).login, ['2']);
    space = await holdfast.namespace('verbs');
    folder = await shopFolder(holdfast.cluster);
  });
  after(async () => {
    await folder.dispose();
    await space[Symbol.asyncDispose]();
    await holdfast[Symbol.asyncDispose]();
  });

  const run = async (...args: string[]): Promise<Result> => onCluster(folder, space.name, args);
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await must(...args, '--json')) as T;
  const app = async (): Promise<AppObject> => {
    const ref = { namespace: space.name, name: 'community' };
    const found = await holdfast.client.get<AppObject>(RESOURCE_TYPES.App, ref);
    assert.ok(found, 'the App is gone');
    return found;
  };
  const files = async (): Promise<ConfigMap[]> => {
    const labelSelector = 'app.kubernetes.io/name=migration-files';
    const selector = { namespace: space.name, labelSelector };
    return (await holdfast.client.list<ConfigMap>(RESOURCE_TYPES.ConfigMap, selector)).items;
  };

  it('doctor finds all that is needed', async () => {
    const { code, stdout } = await run('doctor');
    assert.equal(code, 0, stdout);
    for (const check of [
      'api server',
      'definition',
      'controller',
      'nodes',
      'metrics',
      'storage class',
      'rights',
    ])
      assert.match(stdout, new RegExp(`✔ ${check}`));
  });

  it('a verb says that there is nothing yet', async () => {
    const { code, stderr } = await run('status');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /there is no App "community" in the namespace "verbs"; bring it there: holdfast deploy/,
    );
    assert.equal((await run('diff')).code, 1);
  });

  it('deploy brings the application up, with its migrations in a ConfigMap that goes when the App goes', async () => {
    const status = await json<Status>('deploy');
    assert.equal(status.state, 'ready');
    const [map, ...others] = await files();
    assert.equal(others.length, 0);
    assert.equal(map?.metadata.ownerReferences?.[0]?.uid, (await app()).metadata.uid);
    assert.match(await must('diff'), /is what the file says/);
  });

  it('deploy again changes nothing', async () => {
    const { generation } = (await app()).metadata;
    await must('deploy');
    assert.equal((await app()).metadata.generation, generation);
  });

  it('status, explain, logs and migrate status tell what a machine would tell', async () => {
    assert.equal((await json<Status>('status')).services.length, 2);
    assert.match(await must('status'), /login .*ready.*2 of 2 ready, stateful/);
    const { owner } = await json<{ owner: string }>('explain', 'alice@example.org');
    assert.match(owner, /^community-login-/);
    assert.match(await must('logs', 'login'), /^community-login-\S+ +\| .*listens on/m);
    assert.match(await must('logs', 'migrations'), /V1__members\.sql applied/);
    assert.match(await must('migrate', 'status'), /applied: 5 applied, 0 pending/);
    assert.match(await must('wait', '--app-resource', 'community'), /community is ready/);
  });

  it('scale follows until the instances are there, within the bounds of the file', async () => {
    const { services } = await json<Status>('scale', 'login=3');
    const login = services.find(({ name }) => name === 'login');
    assert.deepEqual([login?.wanted, login?.ready], [3, 3]);
    const { code, stderr } = await run('scale', 'login=9');
    assert.equal(code, 2);
    assert.match(stderr, /login can have 2 to 6 instances/);
    await must('scale', 'login=2');
  });

  it('restart replaces every instance, and logs --follow goes over to the new ones', async () => {
    const ids = async (): Promise<string[]> =>
      (await json<Status>('status')).services
        .flatMap(({ name, instances }) => (name === 'community' ? instances : []))
        .filter(({ state }) => state === 'ready')
        .map(({ id }) => id);
    const old = await ids();
    const args = [
      'logs',
      'community',
      '--follow',
      '--lines',
      '1',
      '--context',
      '.',
      '--namespace',
      space.name,
    ];
    const logs = folder.start(args, 2 * FOLLOW_MS);
    await until('the old instances are followed', FOLLOW_MS, () =>
      Promise.resolve(old.every((id) => logs.output().includes(id))),
    );
    await must('restart', 'community');
    const now = await ids();
    assert.ok(now.every((id) => !old.includes(id)));
    await until('the new instances are followed', FOLLOW_MS, () =>
      Promise.resolve(now.every((id) => new RegExp(`${id} +\\| .*listens on`).test(logs.output()))),
    );
    logs.signal('SIGINT');
    assert.equal((await logs.result).code, 0);
  });

  it('release changes an image, rollback takes it back', async () => {
    const released = await run('release', `login=${LOGIN}:2`);
    assert.equal(released.code, 0, released.stderr);
    assert.match(released.stderr, /services\.login\.image: \S+login:1 -> \S+login:2/);
    const { code, stdout } = await run('diff');
    assert.equal(code, 1);
    assert.match(
      stdout,
      /Deployment community-login\n.*containers\.login\.image\n +- \S+login:2\n +\+ \S+login:1/,
    );
    await must('rollback');
    assert.equal((await run('diff')).code, 0);
  });

  it('a release that does not get ready ends with the reason, and rollback puts the spec back', async () => {
    const { code, stderr } = await run('release', `login=${LOGIN}:nope`);
    assert.equal(code, 1);
    assert.match(stderr, /login:nope/);
    await until('it was rolled back', FOLLOW_MS, async () =>
      (await run('status')).stdout.includes('is in force again'),
    );
    await must('scale', 'community=3');
    await must('rollback');
    assert.equal((await run('diff')).code, 0);
  });

  it('a migration that fails is told with its statement, and the next one goes on from there', async () => {
    await folder.write('migrations/V6__more.sql', 'INSERT INTO nonsense VALUES (1);\n');
    const failed = await run('deploy');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /V6__more\.sql:1: Table 'community\.nonsense' doesn't exist/);
    assert.equal((await run('migrate', 'status')).code, 1);
    assert.equal((await run('migrate', 'run')).code, 1);
    await folder.write('migrations/V6__more.sql', 'CREATE TABLE more (id INT PRIMARY KEY);\n');
    await must('deploy');
    assert.match(await must('migrate', 'status'), /applied: 6 applied/);
  });

  it('files of migrations that nothing refers to are removed at the next deployment', async () => {
    await must('deploy');
    const texts = (await files()).map(({ data }) => data?.['V6__more.sql'] ?? '');
    assert.ok(texts.some((text) => text.includes('CREATE TABLE more')));
    assert.ok(!texts.some((text) => text.includes('nonsense')));
  });

  it('what somebody else has set is overruled with --force only, and wholly', async () => {
    const { apiVersion, kind, spec } = await app();
    const { services } = spec as { services: Record<string, object> };
    const foreign = { ...services, login: { ...services['login'], image: `${LOGIN}:2`, stop: '7s' } };
    const object = {
      apiVersion,
      kind,
      metadata: { name: 'community' },
      spec: { ...(spec as object), services: foreign },
    };
    const args = ['apply', '--server-side', '--field-manager=other', '--force-conflicts'];
    await holdfast.cluster.kubectl([...args, '--namespace', space.name, '-f', '-'], JSON.stringify(object));
    const { code, stderr } = await run('deploy', '--no-wait');
    assert.equal(code, 2);
    assert.match(stderr, /other has set services\.login\.image/);
    await must('deploy', '--force');
    assert.equal((await run('diff')).code, 0);
    await folder.edit('min: 2, max: 10', 'min: 2, max: 9');
    await must('deploy');
  });

  it('a service that the file has no more is gone, also when a release has changed it', async () => {
    await must('release', `login=${LOGIN}:2`);
    await folder.edit('/login: login', '/login: community');
    await folder.edit(
      /\n {2}# Keeps its users'[^]*?(?=\n {2}# Keeps nothing)/.exec(
        await readFile(join(folder.path, 'holdfast.yaml'), 'utf8'),
      )?.[0] ?? '?',
      '',
    );
    await folder.edit('{ service: login, key: TOKEN_KEY }', '{ generate: 32 }');
    await must('deploy');
    assert.deepEqual(Object.keys(((await app()).spec as { services: object }).services), ['community']);
  });
});
