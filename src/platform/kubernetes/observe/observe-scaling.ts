/** Whether autoscalers get the figures that they scale by. Pure. */
import type { App } from '../../../app/model.ts';
import type { ScalingObservation } from '../../observation.ts';
import { isScaledByLoad } from '../objects/service-objects.ts';
import { conditionOf, type HorizontalPodAutoscaler } from './kinds.ts';

/** How a cluster gets figures of CPU and memory. */
export const INSTALL_METRICS_SERVER =
  'kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml';

/** Nobody answers at metrics.k8s.io; not that there are no figures of a pod yet. */
const NO_METRICS_API = /could not find the requested resource|unable to handle the request/;

/** By service; those that are scaled by load. @param autoscaler the one of a service */
export function observeScaling(
  { services }: App,
  autoscaler: (service: string) => HorizontalPodAutoscaler | undefined,
): Record<string, ScalingObservation> {
  const scaled = services.filter(isScaledByLoad);
  return Object.fromEntries(scaled.map(({ name }) => [name, observed(autoscaler(name))]));
}

function observed(autoscaler: HorizontalPodAutoscaler | undefined): ScalingObservation {
  const active = autoscaler && conditionOf(autoscaler, 'ScalingActive');
  if (active === undefined || active.status === 'Unknown') return { state: 'unknown' };
  if (active.status === 'True') return { state: 'active' };
  const { message = active.reason ?? 'it does not say why' } = active;
  const problem = NO_METRICS_API.test(message)
    ? `the cluster gives no figures of load. Install a metrics server: ${INSTALL_METRICS_SERVER}`
    : message;
  return { state: 'blind', problem };
}
