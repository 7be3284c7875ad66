import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { UserError } from '../../src/app/failure.ts';
import { inClusterConnection, type Environment } from '../../src/platform/kubernetes/api/connection.ts';
import { kubeconfigConnection } from '../../src/platform/kubernetes/api/kubeconfig.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-kubeconfig-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Entry {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
}

/** A kubeconfig with one context, `shop`, as the environment that names it. */
async function kubeconfig(t: TestContext, { cluster, user, context }: Entry): Promise<Environment> {
  const path = join(await folder(t), 'config');
  const config = {
    'current-context': 'shop',
    clusters: [{ name: 'c', cluster: { server: 'https://k.example:6443', ...cluster } }],
    users: [{ name: 'u', user: { ...user } }],
    contexts: [{ name: 'shop', context: { cluster: 'c', user: 'u', ...context } }],
  };
  await writeFile(path, JSON.stringify(config));
  return { ...process.env, KUBECONFIG: path };
}

/** A plugin that prints its n-th answer, and counts its calls in a file beside it. */
async function plugin(t: TestContext, answers: readonly object[]): Promise<string> {
  const path = join(await folder(t), 'plugin');
  const script = `#!${process.execPath}
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const file = __filename + '.count';
const count = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
writeFileSync(file, String(count + 1));
const answers = ${JSON.stringify(answers)};
const status = { ...answers[Math.min(count, answers.length - 1)] };
if (status.fail) { console.error('please log in first'); process.exit(1); }
if (status.token === 'INFO') status.token = process.env.KUBERNETES_EXEC_INFO + process.env.ADDED;
console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));
`;
  await writeFile(path, script);
  await chmod(path, 0o700);
  return path;
}

function exec(command: string, more: object = {}): Entry {
  return { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command, ...more } } };
}

test('server, authority, names and certificates come from data and files', async (t) => {
  const path = await folder(t);
  await writeFile(join(path, 'me.key'), 'KEY');
  const env = await kubeconfig(t, {
    cluster: { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'inside' },
    user: { 'client-certificate-data': base64('CERT'), 'client-key': join(path, 'me.key') },
    context: { namespace: 'here' },
  });
  const { credentials, ...rest } = await kubeconfigConnection({ env });
  assert.deepEqual(rest, {
    server: 'https://k.example:6443',
    authority: 'CA',
    serverName: 'inside',
    namespace: 'here',
  });
  assert.deepEqual(await credentials(), { certificate: 'CERT', key: 'KEY' });
});

test('a token file is read again when its token is refused', async (t) => {
  const path = join(await folder(t), 'token');
  await writeFile(path, 'one\n');
  const env = await kubeconfig(t, { user: { tokenFile: path, token: 'ignored' } });
  const { credentials, namespace } = await kubeconfigConnection({ env });
  assert.equal(namespace, 'default');
  assert.deepEqual(await credentials(), { token: 'one' });
  await writeFile(path, 'two\n');
  assert.deepEqual(await credentials(), { token: 'one' });
  assert.deepEqual(await credentials(true), { token: 'two' });
});

test('a plugin is asked once, and again when its answer has run out or was refused', async (t) => {
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const soon = new Date(Date.now() + 1_000).toISOString();
  const command = await plugin(t, [
    { token: 'one', expirationTimestamp: later },
    { token: 'two', expirationTimestamp: soon },
    { token: 'three' },
  ]);
  const { credentials } = await kubeconfigConnection({ env: await kubeconfig(t, exec(command)) });
  assert.deepEqual(await credentials(), { token: 'one' });
  assert.deepEqual(await credentials(), { token: 'one' });
  assert.deepEqual(await credentials(true), { token: 'two' });
  assert.deepEqual(await credentials(), { token: 'three' });
  assert.deepEqual(await credentials(), { token: 'three' });
});

test('a plugin is told what is wanted, and given its environment', async (t) => {
  const command = await plugin(t, [{ token: 'INFO' }]);
  const env = await kubeconfig(t, exec(command, { env: [{ name: 'ADDED', value: 'added' }] }));
  const { token } = await (await kubeconfigConnection({ env })).credentials();
  assert.match(token ?? '', /"kind":"ExecCredential","spec":\{"interactive":false\}.*added$/);
});

test('a plugin that fails is quoted; one that is missing is named with how to get it', async (t) => {
  const failing = await kubeconfigConnection({
    env: await kubeconfig(t, exec(await plugin(t, [{ fail: true }]), { args: ['--secret=geheim'] })),
  });
  await assert.rejects(failing.credentials(), /gave no credentials: please log in first$/);
  const missing = exec('/nowhere/login', { installHint: 'Install it from example.com.' });
  const { credentials } = await kubeconfigConnection({ env: await kubeconfig(t, missing) });
  await assert.rejects(credentials(), /\/nowhere\/login is not installed. Install it from example.com./);
});

const refusals: readonly (readonly [string, Entry, RegExp])[] = [
  ['a proxy', { cluster: { 'proxy-url': 'http://p' } }, /"shop" uses proxy-url, which is not supported/],
  ['an auth provider', { user: { 'auth-provider': { name: 'gcp' } } }, /uses auth-provider/],
  ['a password', { user: { username: 'me', password: 'geheim' } }, /^(?!.*geheim).*uses username/],
  ['impersonation', { user: { as: 'admin' } }, /uses as/],
  ['an unknown cluster', { context: { cluster: 'other' } }, /"shop" names the cluster "other"/],
  ['an unknown user', { context: { user: 'other' } }, /"shop" names the user "other"/],
  ['a server that is no URL', { cluster: { server: 'k.example' } }, /is not a URL with https: k.example/],
  ['a missing file', { user: { 'client-key': '/nowhere/key' } }, /Cannot read \/nowhere\/key/],
  [
    'an old plugin',
    { user: { exec: { apiVersion: 'x/v1alpha1', command: 'a' } } },
    /wants x\/v1alpha1; supported are/,
  ],
];
for (const [what, entry, message] of refusals) {
  test(`${what} is the user's mistake, said plainly`, async (t) => {
    const env = await kubeconfig(t, entry);
    await assert.rejects(kubeconfigConnection({ env }), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, message);
      return true;
    });
  });
}

test('a context that is not there is answered with those that are', async (t) => {
  const env = await kubeconfig(t, {});
  await assert.rejects(
    kubeconfigConnection({ env, context: 'prod' }),
    /no context "prod" in .*There are: shop\./,
  );
});

test('without any file it says where it looked', async (t) => {
  const home = await folder(t);
  await assert.rejects(kubeconfigConnection({ env: { HOME: home } }), /there is no .*\/\.kube\/config\. Put/);
  const env = { KUBECONFIG: `${home}/a:${home}/b` };
  await assert.rejects(kubeconfigConnection({ env }), /there is no .*\/a, no .*\/b\./);
});

test('of several files those that are missing do no harm', async (t) => {
  const env = await kubeconfig(t, {});
  const both = { ...env, KUBECONFIG: `/nowhere/config:${env['KUBECONFIG'] ?? ''}` };
  assert.equal((await kubeconfigConnection({ env: both })).server, 'https://k.example:6443');
});

test('a pod connects by its service account, also over IPv6', async (t) => {
  const path = join(await folder(t), 'account');
  await mkdir(path);
  const files = { token: 'one\n', 'ca.crt': 'CA', namespace: 'shop' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  const { credentials, ...rest } = await inClusterConnection(env, path);
  assert.deepEqual(rest, { server: 'https://[fd00::1]:443', authority: 'CA', namespace: 'shop' });
  assert.deepEqual(await credentials(), { token: 'one' });
  await writeFile(join(path, 'token'), 'two');
  assert.deepEqual(await credentials(true), { token: 'two' });
  await rm(join(path, 'ca.crt'));
  await assert.rejects(inClusterConnection(env, path), /Cannot read the service account's ca.crt/);
  await assert.rejects(inClusterConnection({}, path), /Not in a pod/);
});
