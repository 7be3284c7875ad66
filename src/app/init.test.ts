import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { initFile } from './init.ts';
import { parseApp } from './parse.ts';
import type { App } from './model.ts';
import type { FolderFacts, PackageFacts } from './recognise.ts';

const EMPTY: FolderFacts = { folderName: 'shop', files: [], subfolders: [], migrationFolders: [] };

function packageOf(facts: Partial<PackageFacts>): PackageFacts {
  return { scripts: {}, dependencies: [], ...facts };
}

function init(facts: Partial<FolderFacts>): App {
  return parseApp(initFile({ ...EMPTY, ...facts }), 'holdfast.yaml');
}

function commands(app: App): Record<string, string | undefined> {
  return Object.fromEntries(app.services.map(({ name, run }) => [name, run]));
}

/** Makes every example real: takes the `#` away that stands right before a key. */
function withExamples(text: string): string {
  return text.replace(/^( *)#(?=\S| {2})/gm, '$1');
}

test('a plain start script is run without npm', () => {
  const app = init({ package: packageOf({ scripts: { start: 'node --enable-source-maps server.js' } }) });
  assert.deepEqual(commands(app), { shop: 'node --enable-source-maps server.js' });
});

test('a start script that needs a shell or a package is left to npm', () => {
  for (const start of [
    'next start',
    'npm run build && node server.js',
    'node $FILE',
    'node a.js | tee log',
  ]) {
    const app = init({ package: packageOf({ scripts: { start } }) });
    assert.deepEqual(commands(app), { shop: 'npm start' });
  }
  const app = init({ package: packageOf({ scripts: { start: 'node a.js', prestart: 'tsc' } }) });
  assert.deepEqual(commands(app), { shop: 'npm start' });
});

test('without a start script the main file, then a usual entry file is run', () => {
  const files = ['server.js', 'main.ts', 'lib.js'];
  assert.deepEqual(commands(init({ files, package: packageOf({ main: './lib.js' }) })), {
    shop: 'node lib.js',
  });
  assert.deepEqual(commands(init({ files, package: packageOf({ main: 'gone.js' }) })), {
    shop: 'node main.ts',
  });
  assert.deepEqual(commands(init({ files: ['server.js'] })), { shop: 'node server.js' });
});

test('several folders with programs become services, and a likely front gets /', () => {
  const app = init({
    subfolders: [
      { path: 'login', files: ['main.ts'] },
      { path: 'mail', files: [], package: packageOf({ scripts: { start: 'node .' } }) },
      { path: 'services/web', files: ['index.js'] },
      { path: 'test', files: ['index.js'] },
      { path: 'pictures', files: ['cat.png'] },
    ],
  });
  assert.deepEqual(commands(app), {
    web: 'node services/web/index.js',
    login: 'node login/main.ts',
    mail: 'npm --prefix mail start',
  });
  assert.deepEqual(Object.fromEntries(app.routes.map(({ path, service }) => [path, service])), {
    '/login': 'login',
    '/mail': 'mail',
    '/': 'web',
  });
});

test('the modules of a program that starts by itself are no services', () => {
  const subfolders = ['models', 'routes'].map((path) => ({ path, files: ['index.js'] }));
  assert.deepEqual(commands(init({ files: ['server.js'], subfolders })), { shop: 'node server.js' });
});

test('a client of MariaDB brings a database', () => {
  for (const client of ['mysql2', 'mariadb', '@prisma/client']) {
    const app = init({ package: packageOf({ dependencies: ['hono', client] }) });
    assert.equal(app.database?.topology, 'single', client);
  }
  assert.equal(init({ package: packageOf({ dependencies: ['@prisma/client', 'pg'] }) }).database, undefined);
  assert.equal(init({}).database, undefined);
});

test('a folder of migrations brings them and a database', () => {
  const app = init({ migrationFolders: ['db/migrations', 'sql'] });
  assert.deepEqual(app.migrations, { path: './db/migrations' });
  assert.equal(app.database?.topology, 'single');
});

test('the name comes from the package without its scope, else from the folder', () => {
  assert.equal(init({ package: packageOf({ name: '@acme/Web_Shop' }) }).name, 'web-shop');
  assert.equal(init({ folderName: 'Größe & Gewicht 2' }).name, 'gro-e-gewicht-2');
  assert.equal(init({ folderName: '日本' }).name, 'app');
  assert.equal(init({ folderName: 'database' }).services[0]?.name, 'app');
  assert.equal(init({ folderName: 'mysql', migrationFolders: ['sql'] }).name, 'app-mysql');
});

const odd = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom(
    'true',
    'null',
    'no',
    '..',
    '-x',
    'a'.repeat(90),
    'x: y',
    '#',
    '`',
    'constructor',
    '__proto__',
  ),
  fc.constantFrom(
    'web',
    'Web',
    'login',
    'my folder',
    "it's",
    '1',
    'mysql',
    'sys',
    'src',
    'router',
    'database',
    'login-2',
  ),
);
const somePackage = fc.record(
  {
    name: odd,
    main: odd,
    scripts: fc.oneof(fc.record({ start: odd }), fc.constant({ start: 'node a.js' }), fc.constant({})),
    dependencies: fc.subarray(['mysql2', 'pg', 'prisma', 'hono']),
  },
  { requiredKeys: ['scripts', 'dependencies'] },
);
const someFiles = fc.subarray(['main.ts', 'index.js', 'package.json', 'README.md']);
const someFacts = fc.record(
  {
    folderName: odd,
    files: someFiles,
    package: somePackage,
    subfolders: fc.array(
      fc.record({ path: odd, files: someFiles, package: somePackage }, { requiredKeys: ['path', 'files'] }),
    ),
    migrationFolders: fc.array(odd, { maxLength: 2 }),
  },
  { requiredKeys: ['folderName', 'files', 'subfolders', 'migrationFolders'] },
);

test('what it writes can be used, also with every example made real', () => {
  fc.assert(
    fc.property(someFacts, (facts) => {
      const text = initFile(facts);
      parseApp(text, 'holdfast.yaml');
      const app = parseApp(withExamples(text), 'holdfast.yaml');
      assert.equal(app.services[0]?.stateful?.idle, 15 * 60_000);
      assert.deepEqual(app.services[0].env['TOKEN_KEY'], { kind: 'generate', bytes: 32 });
      assert.ok(app.database && app.migrations);
    }),
    { numRuns: 500 },
  );
});
