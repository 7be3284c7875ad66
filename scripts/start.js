// `npm start`: the example application on this machine, in the foreground.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { environment, node, root, setUp } from './set-up.js';

setUp();
const args = [
  '--max-semi-space-size=2',
  join(root, 'src', 'main.ts'),
  'up',
  '--app',
  join(root, 'examples', 'community'),
  ...process.argv.slice(2),
];
const child = spawn(node, args, { cwd: root, env: environment(), stdio: 'inherit' });
// Ctrl-C reaches the child by the terminal; it ends everything, and this process ends with it.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
