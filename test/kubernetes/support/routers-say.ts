/** After a test that has failed, what its routers have said: requests that failed are often explained there. */
import type { TestContext } from 'node:test';
import type { Community } from './community.ts';

const LINES = 40;

/** For `afterEach`; says nothing after a test that has passed. */
export async function routersSay(context: unknown, app: Community | undefined): Promise<void> {
  // The types do not have it yet.
  const test = context as TestContext & { readonly passed: boolean };
  if (test.passed || app === undefined) return;
  const routers = ['-n', app.namespace, '-l', 'app.kubernetes.io/name=router'];
  const questions = [
    ['get', 'pods', ...routers, '-o', 'wide'],
    ['logs', ...routers, '--prefix', '--timestamps', `--tail=${LINES}`],
  ];
  for (const question of questions) test.diagnostic(await app.cluster.kubectl(question).catch(String));
}
