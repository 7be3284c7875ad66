// `npm run test:kubernetes`: only the tests that need a cluster. Arguments: test files, instead of all.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CLUSTER_FOLDERS, prepareCluster, runTests, testsIn } from './held-cluster.js';
import { root, setUp } from './set-up.js';

setUp({ testing: true });
prepareCluster();
const wanted = process.argv.slice(2);
const folders = CLUSTER_FOLDERS.filter((folder) => existsSync(join(root, folder)));
process.exitCode = await runTests(wanted.length > 0 ? wanted : folders.flatMap(testsIn));
