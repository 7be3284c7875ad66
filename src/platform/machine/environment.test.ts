import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { UserError } from '../../app/failure.ts';
import { parseApp } from '../../app/parse.ts';
import { baseEnvironment, resolveEnvironments, type Surroundings } from './environment.ts';
import { openStateFolder, stateFolder } from './state-folder.ts';

async function surroundings(t: TestContext, shell: Surroundings['shell'] = {}): Promise<Surroundings> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = stateFolder(folder);
  await openStateFolder(state);
  return { folder, state, shell };
}

function appWith(env: string): ReturnType<typeof parseApp> {
  return parseApp(`name: t\nservices:\n  a: { run: x, env: ${env} }\n`, 'holdfast.yaml');
}

test('each source gives its value', async (t) => {
  const around = await surroundings(t, { MAIL: 'from the shell' });
  await writeFile(join(around.folder, 'motd.txt'), 'hello\nworld\n');
  await mkdir(join(around.state.secrets, 'mail'));
  await writeFile(join(around.state.secrets, 'mail', 'password'), 'quiet\n');
  const app = appWith(
    '{ A: { value: "1" }, B: { from: MAIL }, C: { file: motd.txt }, D: { secret: mail, key: password } }',
  );
  const { a } = await resolveEnvironments(app, around);
  assert.deepEqual(a, { A: '1', B: 'from the shell', C: 'hello\nworld', D: 'quiet' });
});

test('a generated value is made once, kept privately, and the same for a service that refers to it', async (t) => {
  const around = await surroundings(t);
  const app = parseApp(
    'name: t\nservices:\n  a: { run: x, env: { KEY: { generate: 32 } } }\n  b: { run: y, env: { OTHER: { service: a, key: KEY } } }\nroutes: { /: a }\n',
    'holdfast.yaml',
  );
  const first = await resolveEnvironments(app, around);
  const [again, besides] = await Promise.all([
    resolveEnvironments(app, around),
    resolveEnvironments(app, around),
  ]);
  assert.equal(Buffer.from(first['a']?.['KEY'] ?? '', 'base64url').length, 32);
  assert.equal(first['b']?.['OTHER'], first['a']?.['KEY']);
  assert.deepEqual([again, besides], [first, first]);
  assert.equal((await stat(join(around.state.generated, 'a', 'KEY'))).mode & 0o777, 0o600);
});

test('a value that can not be had is the user’s mistake, told with its place in the file', async (t) => {
  const around = await surroundings(t);
  for (const [env, words] of [
    ['{ A: { from: NOT_SET } }', /services\.a\.env\.A.*NOT_SET/],
    ['{ A: { file: none.txt } }', /services\.a\.env\.A.*none\.txt/],
    ['{ A: { secret: mail, key: password } }', /mail.*password/],
  ] as const)
    await assert.rejects(
      resolveEnvironments(appWith(env), around),
      (error) => error instanceof UserError && words.test(error.message),
    );
});

test('instances find local programs first and get nothing else of the shell that might be a secret', async (t) => {
  const around = await surroundings(t, { PATH: '/usr/bin', AWS_SECRET_ACCESS_KEY: 'x', HOME: '/home/ann' });
  const env = baseEnvironment(around);
  assert.deepEqual(Object.keys(env).sort(), ['HOME', 'PATH']);
  assert.equal(env['PATH']?.split(':')[0], join(around.folder, 'node_modules', '.bin'));
  assert.ok(env['PATH']?.endsWith(':/usr/bin'));
});
