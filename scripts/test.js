// `npm test`: everything that must hold, the fast checks first, then the tests, those on a cluster last. Ends with
// node's summary. Arguments: test files, instead of all.
import { CLUSTER_FOLDERS, needsCluster, prepareCluster, runTests, testsIn } from './held-cluster.js';
import { run, setUp } from './set-up.js';

setUp({ testing: true });
const wanted = process.argv.slice(2);
if (wanted.length === 0) run('npm', ['run', '--silent', 'lint']);
const files = wanted.length > 0 ? wanted : [...testsIn('src'), ...testsIn('examples'), ...testsIn('test')];
if (files.some(needsCluster)) prepareCluster();
const onClusters = CLUSTER_FOLDERS.flatMap((folder) => files.filter((file) => file.startsWith(`${folder}/`)));
const ordered = [...files.filter((file) => !needsCluster(file)), ...onClusters];
process.exitCode = await runTests(ordered);
