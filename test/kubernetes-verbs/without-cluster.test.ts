/** What the verbs for clusters do and say where there is none. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { valueAt } from '../../src/app/raw-value.ts';
import { AppFolder } from '../support/app-folder.ts';

const SHOP = `name: shop
services:
  web:
    image: web:1
    env: { KEY: { generate: 32 } }
database: { topology: single }
migrations: { path: ./migrations }
smoke: [{ path: / }, { path: /missing, status: 404 }]
`;
const FILES = { 'migrations/V1__a.sql': 'CREATE TABLE a (id INT);\n' };
/** No cluster can be meant by accident. */
const env = { KUBECONFIG: '/dev/null' };

async function documents(folder: AppFolder, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await folder.must('render', ...args);
  return [...parseAllDocuments(stdout)].map((document) => document.toJS() as Record<string, unknown>);
}

test('render prints what deploy would send: the files of migrations and an App that names them', async () => {
  await using folder = await AppFolder.create(SHOP, { files: FILES, env });
  const [files, app, ...others] = await documents(folder, '--namespace', 'shop');
  assert.deepEqual(others, []);
  assert.equal(valueAt(files, 'immutable'), true);
  const configMap = valueAt(files, 'metadata', 'name');
  assert.deepEqual(valueAt(app, 'spec', 'migrations'), { path: './migrations', configMap });
  assert.deepEqual(valueAt(app, 'metadata'), { namespace: 'shop', name: 'shop' });
});

test('render --objects prints all objects, and no value of a Secret', async () => {
  await using folder = await AppFolder.create(SHOP, { files: FILES, env });
  const objects = await documents(folder, '--objects');
  const kinds = new Set(objects.map(({ kind }) => kind));
  for (const kind of ['Secret', 'StatefulSet', 'Deployment', 'Service', 'PodDisruptionBudget', 'Job', 'Role'])
    assert.ok(kinds.has(kind), `no ${kind}`);
  for (const { data } of objects.filter(({ kind }) => kind === 'Secret'))
    assert.deepEqual(new Set(Object.values(data as object)), new Set(['']));
});

test('a file for a machine only is refused with its lines', async () => {
  await using folder = await AppFolder.create('name: shop\nservices:\n  web: { run: node web.ts }\n', {
    env,
  });
  const { code, stderr } = await folder.run(['render']);
  assert.equal(code, 2);
  assert.match(stderr, /holdfast\.yaml:3:3 {2}services\.web: image: missing/);
});

const REFUSED: readonly (readonly [args: readonly string[], word: RegExp])[] = [
  [['deploy'], /name its context: --context NAME/],
  [['diff'], /name its context: --context NAME/],
  [['release', 'web=web:2'], /on this machine change .*holdfast up/],
  [['rollback'], /on this machine change the file back/],
  [['status', '--namespace', 'x'], /--namespace is for a cluster/],
  [['status', '--context', 'nope'], /no context "nope"/i],
  [['release', 'web', '--context', '.'], /SERVICE=IMAGE/],
  [['deploy', '--context', '.', '--timeout', 'soon'], /No context is current/],
  [['wait', '--app-resource', 'shop'], /Not in a pod/],
  [['smoke', '--url', 'somewhere'], /--url is a URL/],
];

test('a verb that lacks its cluster says what to do', async () => {
  await using folder = await AppFolder.create(SHOP, { files: FILES, env });
  for (const [args, word] of REFUSED) {
    const { code, stderr } = await folder.run(args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, word);
  }
});

async function serve(listener: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

test('smoke sends the requests of the file, and is patient with an application that is not there yet', async () => {
  await using folder = await AppFolder.create(SHOP, { files: FILES, env });
  let asked = 0;
  const { url, close } = await serve((request, response) => {
    asked += 1;
    const found = request.url === '/' ? 200 : 404;
    response.writeHead(asked < 3 ? 503 : found).end();
  });
  try {
    const { stdout } = await folder.must('smoke', '--url', url);
    assert.match(stdout, /✔ GET \/ {2}200\n✔ GET \/missing {2}404\n/);
    assert.equal(asked, 4);
  } finally {
    close();
  }
});

test('smoke fails with a wrong answer at once, and when nobody answers in time', async () => {
  const own = { HOLDFAST_SMOKE: JSON.stringify([{ path: '/', method: 'POST', body: 'x', status: 201 }]) };
  await using folder = await AppFolder.create(SHOP, { files: FILES, env: { ...env, ...own } });
  const { url, close } = await serve((_, response) => response.writeHead(500).end());
  const wrong = await folder.run(['smoke', '--url', url]);
  close();
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /✘ POST \/ {2}500, expected 201/);
  const silent = await folder.run(['smoke', '--url', url, '--timeout', '1s']);
  assert.equal(silent.code, 1);
  assert.match(silent.stdout, /✘ POST \/ {2}.+, expected 201/);
});
