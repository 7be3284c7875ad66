/** The test cluster itself: what the other tests lean on. It uses names and addresses of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildImages, buildReleaseImages, startCluster } from '../kubernetes/support/cluster.ts';
import type { ImageArchives, ReleaseArchives, TestCluster } from '../kubernetes/support/cluster.ts';
import { claim, namespace, pod } from './manifests.ts';
import { clusterFolder } from './run-script.ts';
import { kernelSettings, tracesOf } from './traces.ts';
import { until } from './until.ts';

const NAME = 'hftest';
const FOLDER = '/run/holdfast-hftest';
/** For a pod that does little, on a machine that does much else. */
const RUN_SECONDS = 240;
const env = {
  HOLDFAST_CLUSTER_NAME: NAME,
  HOLDFAST_CLUSTER_RUN: FOLDER,
  HOLDFAST_CLUSTER_NET: '10.76.0',
  HOLDFAST_CLUSTER_PODS: '10.246',
  HOLDFAST_CLUSTER_SERVICES: '10.95',
};

describe('the test cluster', () => {
  let images: ReleaseArchives;
  let archives: ImageArchives;
  let settings: ReturnType<typeof kernelSettings>;
  let cluster: TestCluster;
  before(async () => {
    images = await buildReleaseImages();
    archives = await buildImages();
    settings = kernelSettings();
    cluster = await startCluster({ nodes: 2, images: archives, env });
    await cluster.kubectl(['apply', '-f', '-'], namespace('restricted'));
  });
  after(() => cluster?.end());

  const nodeIsReady = async (node: number): Promise<boolean> => {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    return (await cluster.kubectl(['get', `node/node${node}`, '-o', `jsonpath=${path}`])) === 'True';
  };
  const outputOf = async (name: string): Promise<string> => {
    const ended = ['--for=jsonpath={.status.phase}=Succeeded', `--timeout=${RUN_SECONDS}s`];
    await cluster.kubectl(['wait', '-n', 'restricted', `pod/${name}`, ...ended]);
    return cluster.kubectl(['logs', '-n', 'restricted', name]);
  };

  it('runs every image under the restricted Pod Security Standard', async () => {
    await cluster.load([images.holdfastFull, images.databaseFull]);
    const version = ['holdfast', '--version'];
    const makeDatabase = [
      'sh',
      '-c',
      'mariadb-install-db --no-defaults --datadir=/tmp/data && mariadbd --version',
    ];
    const manifests = [
      pod('program', 'localhost/holdfast:test', version),
      pod('program-built', 'localhost/holdfast:full', version),
      pod('haproxy', 'localhost/holdfast:full', ['haproxy', '-v']),
      pod('database', 'localhost/holdfast-database:test', makeDatabase),
      pod('database-built', 'localhost/holdfast-database:full', makeDatabase),
      pod('migrations', 'localhost/community/migrations:1', ['cp', '-rv', '/migrations', '/tmp/']),
      pod('login', 'localhost/community/login:1', ['node', '--check', 'login/main.ts']),
      pod('community', 'localhost/community/community:1', ['node', '--check', 'community/main.ts']),
    ];
    await cluster.kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }),
    );
    assert.match(await outputOf('program'), /^\d+\.\d+\.\d+/);
    assert.equal(await outputOf('program-built'), await outputOf('program'));
    assert.match(await outputOf('haproxy'), /HAProxy version/);
    assert.match(await outputOf('database'), /MariaDB/);
    assert.match(await outputOf('database-built'), /MariaDB/);
    assert.match(await outputOf('migrations'), /V1__members\.sql/);
    await outputOf('login');
    await outputOf('community');
  });

  it('gives the program its compiled code', async () => {
    const script = 'NODE_DEBUG_NATIVE=COMPILE_CACHE holdfast --version 2>&1';
    const manifests = ['test', 'full'].map((tag) =>
      pod(`cache-${tag}`, `localhost/holdfast:${tag}`, ['sh', '-c', script]),
    );
    await cluster.kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }),
    );
    for (const tag of ['test', 'full']) {
      const log = await outputOf(`cache-${tag}`);
      assert.match(log, /dist\/cli\/main\.js.* was accepted/, tag);
      assert.doesNotMatch(log, /was rejected/, tag);
    }
  });

  it('has volumes that a pod may write to as if fsGroup were honoured', async () => {
    const write = pod(
      'writer',
      'localhost/holdfast:test',
      ['sh', '-c', 'echo kept > /data/file && cat /data/file'],
      'data',
    );
    const list = { apiVersion: 'v1', kind: 'List', items: [claim('data'), write] };
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(list));
    assert.equal(await outputOf('writer'), 'kept\n');
  });

  it('survives the loss of its API server', async () => {
    await cluster.stopApiServer();
    await assert.rejects(cluster.kubectl(['get', '--raw', '/readyz', '--request-timeout=2s']));
    await cluster.startApiServer();
    assert.equal(await cluster.kubectl(['get', '--raw', '/readyz']), 'ok');
  });

  it('notices a node that is off, and a start mends what a test left', async () => {
    await cluster.killNode(2);
    await until('node2 is not Ready', 60_000, async () => !(await nodeIsReady(2)));
    await cluster.kubectl(['cordon', 'node1']);
    const again = await startCluster({
      nodes: 2,
      images: archives,
      env: { ...env, HOLDFAST_CLUSTER_HELD: '1' },
    });
    assert.ok(await nodeIsReady(2));
    assert.equal(await again.kubectl(['get', 'node/node1', '-o', 'jsonpath={.spec.unschedulable}']), '');
  });

  it('leaves nothing behind', async () => {
    assert.notDeepEqual(await tracesOf(NAME, FOLDER), []);
    await cluster.end();
    assert.deepEqual(await tracesOf(NAME, FOLDER), []);
  });

  it('leaves nothing behind when the process that owns it is killed', async () => {
    const owner = spawn(process.execPath, [join(clusterFolder, 'owner.ts'), JSON.stringify(archives)], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const isUp = await Promise.race([
      once(owner.stdout, 'data').then(() => true),
      once(owner, 'exit').then(() => false),
    ]);
    assert.ok(isUp, 'the owner has started its cluster');
    assert.notDeepEqual(await tracesOf(NAME, FOLDER), []);
    owner.kill('SIGKILL');
    await until('the cluster is gone', 60_000, async () => (await tracesOf(NAME, FOLDER)).length === 0);
    // Unknown while other clusters run beside this one.
    const now = kernelSettings();
    if (now !== undefined && settings !== undefined) assert.deepEqual(now, settings);
  });
});
