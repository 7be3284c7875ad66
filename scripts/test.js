// `npm test`: everything that must hold, the fast checks first, then the tests. Ends with node's summary.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { node, root, run, setUp } from './set-up.js';

setUp({ testing: true });
const wanted = process.argv.slice(2);
if (wanted.length === 0) run('npm', ['run', '--silent', 'lint']);
const files = wanted.length > 0 ? wanted : [...tests('src'), ...tests('examples'), ...tests('test')];
run(node, ['--test', '--test-concurrency=1', '--test-timeout=600000', ...files]);

/** The test files below a folder, in a fixed order. */
function tests(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter(
      (file) => file.endsWith('.test.ts') && !file.includes('node_modules') && !file.includes('.holdfast'),
    )
    .sort()
    .map((file) => join(folder, file));
}
