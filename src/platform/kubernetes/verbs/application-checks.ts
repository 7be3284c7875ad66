/** What an application needs of its cluster, and the user of their rights. */
import { defined } from '../../../app/defined.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import { APP_LABEL } from '../objects/names.ts';
import { isScaledByLoad } from '../objects/service-objects.ts';
import { INSTALL_METRICS_SERVER } from '../observe/observe-scaling.ts';
import type { Pod } from '../observe/kinds.ts';
import { podProblem } from '../observe/pod-problem.ts';
import type { CheckInput, ClusterFinding } from './cluster-finding.ts';
import { missingRights } from './rights.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

export async function checkMetrics({ client, app }: CheckInput): Promise<ClusterFinding | undefined> {
  const names = app?.services.filter(isScaledByLoad).map(({ name }) => name) ?? [];
  if (names.length === 0) return undefined;
  const { status } = await client.raw('GET', '/apis/metrics.k8s.io/v1beta1');
  const found = `${status === 200 ? 'there' : 'missing'}, and needed to scale ${names.join(', ')} by load`;
  const ok = status === 200 || status === 403;
  return { check: 'metrics', ok, found, ...defined({ remedy: ok ? undefined : INSTALL_METRICS_SERVER }) };
}

export async function checkStorage({ client, app }: CheckInput): Promise<ClusterFinding | undefined> {
  if (app?.database?.topology !== 'single') return undefined;
  const { storageClass } = app.database;
  const { items } = await client.list(RESOURCE_TYPES.StorageClass);
  const names = items.map(({ metadata }) => metadata.name);
  const standard = items.find(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true');
  const found = storageClass === undefined ? standard?.metadata.name : names.find((n) => n === storageClass);
  const check = 'storage class';
  if (found !== undefined) return { check, ok: true, found };
  const there = names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`;
  if (storageClass !== undefined)
    return {
      check,
      ok: false,
      found: `no "${storageClass}"; ${there}`,
      remedy: 'change database.storageClass',
    };
  const patch = JSON.stringify({ metadata: { annotations: { [DEFAULT_CLASS]: 'true' } } });
  const remedy = `set database.storageClass, or: kubectl patch storageclass ${names[0] ?? 'NAME'} --patch '${patch}'`;
  return { check, ok: false, found: `none is the default; ${there}`, remedy };
}

export async function checkRights({ client, namespace }: CheckInput): Promise<ClusterFinding> {
  const missing = await missingRights(client, namespace);
  const check = 'rights';
  if (missing.length === 0) return { check, ok: true, found: `all that is needed in ${namespace}` };
  const remedy = `kubectl create rolebinding holdfast-users --clusterrole=edit --user=YOU --namespace=${namespace}`;
  return { check, ok: false, found: `you may not ${missing.join(', ')} in ${namespace}`, remedy };
}

/** Mostly an image that can't be had. */
export async function checkPods({ client, namespace, app }: CheckInput): Promise<ClusterFinding | undefined> {
  if (app === undefined) return undefined;
  const labelSelector = `${APP_LABEL}=${app.name}`;
  const { items } = await client.list<Pod>(RESOURCE_TYPES.Pod, { namespace, labelSelector });
  if (items.length === 0) return undefined;
  const problems = items.flatMap((pod) => {
    const problem = podProblem(pod, new Set());
    return problem?.failed === true ? [`${pod.metadata.name}: ${problem.text}`] : [];
  });
  const [first] = problems;
  if (first === undefined) return { check: 'pods', ok: true, found: `${items.length}, none has failed` };
  const remedy = `kubectl describe pod ${first.split(':')[0] ?? ''} --namespace ${namespace}`;
  return { check: 'pods', ok: false, found: problems.join('\n'), remedy };
}
