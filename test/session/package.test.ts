/** The package, as `npm pack` puts it together, in a service of somebody else: `holdfast/session` is there, with its types. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const RUN_MS = 60_000;

const SERVICE = `
import { once } from 'node:events';
import { createServer } from 'node:http';
import { sessionsFromEnvironment } from 'holdfast/session';
const sessions = sessionsFromEnvironment({ formatVersion: 1 });
const server = createServer(
  sessions.serve(async (_, response, session) => response.end(String(await session.update((n = 0) => n + 1)))),
).listen(0);
await once(server, 'listening');
const headers = { 'x-user': 'ann' };
for (const _ of [1, 2]) {
  const answer = await fetch('http://127.0.0.1:' + server.address().port, { headers });
  process.stdout.write(await answer.text());
}
process.exit();
`;

/** A folder of a service that has the package installed. */
async function service(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-package-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const installed = join(folder, 'node_modules/holdfast');
  await mkdir(installed, { recursive: true });
  const compile = ['--project', 'tsconfig.build.json', '--noCheck', '--outDir', join(installed, 'dist')];
  await run(process.execPath, [tsc, ...compile], { cwd: root, timeout: RUN_MS });
  for (const path of ['bin', 'package.json'])
    await cp(join(root, path), join(installed, path), { recursive: true });
  await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

test('a service of somebody else counts its calls with holdfast/session, and its types are checked', async (t) => {
  const cwd = await service(t);
  await writeFile(join(cwd, 'main.js'), SERVICE);
  const { stdout } = await run(process.execPath, ['main.js'], { cwd, timeout: RUN_MS });
  assert.equal(stdout, '12');
  const lines = [
    `import { sessionsFromEnvironment, type Sessions } from 'holdfast/session';`,
    `export const right: Sessions<number> = sessionsFromEnvironment<number>();`,
    `export const wrong: Sessions<string> = right;`,
  ];
  await writeFile(join(cwd, 'types.ts'), lines.join('\n'));
  const check = [tsc, '--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', 'types.ts'];
  const failed = await run(process.execPath, check, { cwd, timeout: RUN_MS }).catch(
    (error: unknown) => error,
  );
  const errors = (failed as { readonly stdout: string }).stdout.match(/^types\.ts\(\d+,\d+\)/gm);
  assert.deepEqual(errors, ['types.ts(3,14)'], 'only what is wrong is wrong');
});
