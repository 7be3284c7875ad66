// `npm run build`: the release, compiled to JavaScript in dist/.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, setUp } from './set-up.js';

setUp();
rmSync(join(root, 'dist'), { recursive: true, force: true });
run('tsc', ['--project', 'tsconfig.build.json']);
