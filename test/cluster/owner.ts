/** A process that starts a cluster, says so, and then does nothing: for the test that kills it. */
import { startCluster, type ImageArchives } from '../kubernetes/support/cluster.ts';

const images = JSON.parse(process.argv[2] ?? '') as ImageArchives;
await startCluster({ nodes: 1, images, env: { HOLDFAST_CLUSTER_METRICS: '0', HOLDFAST_CLUSTER_HELD: '0' } });
process.stdout.write('started\n');
process.stdin.resume();
