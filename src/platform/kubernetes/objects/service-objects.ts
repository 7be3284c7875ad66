/** The objects of one service: Deployment, Service, PodDisruptionBudget, HorizontalPodAutoscaler. Pure. */
import type { App, Service } from '../../../app/model.ts';
import { RELEASED_WITHIN } from '../drain/drain-settings.ts';
import { addedToService, SESSION_TOKEN_MOUNT, type AddedParts } from './added-parts.ts';
import { digest, manifest, type About, type Manifest, type WantedObject } from './manifest.ts';
import { ANNOTATIONS, labelsOf, namesOf, PORTS, selectorOf } from './names.ts';
import {
  CONTAINER_SECURITY,
  httpProbe,
  POD_SECURITY,
  resources,
  seconds,
  spread,
  tolerations,
} from './pod-parts.ts';
import { routerUrl, serviceEnvironment } from './service-environment.ts';

export interface ServiceInput {
  readonly app: App;
  readonly service: Service;
  readonly count: number;
  /** Digest of the secrets of its environment, and how often it was restarted by hand. */
  readonly revision: string;
  /** What is added to pods that are made anew. */
  readonly added: AddedParts;
  /** The pod as it was made for this template; kept until the service itself changes. */
  readonly kept?: object;
  /** It has a Deployment. */
  readonly exists: boolean;
  readonly namespace: string;
  readonly owner: About['owner'];
}

/** How long a release may stand still beyond `health.start` before it is rolled back; ms. */
export const RELEASE_MARGIN = 30_000;
/** Until then every router has heard that a pod ends; s. */
const ROUTERS_HEAR = 5;
/** Between the end of an instance's own time and its end by force; s. */
const GRACE_MARGIN = 5;
/** How long a pod stays on a node that does not answer, counted from when Kubernetes has noticed; s. */
const LEAVE_DEAD_NODE = 5;
/** How long an instance that has started may take to say how it is; s. */
const PATIENCE = 5;
const USUAL_RESOURCES = { cpu: 50, memory: 64 * 1024 ** 2 };

/**
 * What decides whether instances are replaced: all that the service itself says of them. Not how a pod is
 * made from that, so that another version of Holdfast, or another set of migrations, replaces none.
 */
export function templateOf({ app, service, revision }: Omit<ServiceInput, 'kept'>): string {
  const { image, health, resources: needs, stateful, stop } = service;
  // The address of the routers never changes: it comes to a service with its next change.
  // Of what makes it stateful only the drain time is part of a pod; the rest is the routers' business.
  const drain = stateful && { drain: stateful.drain };
  return digest([image, serviceEnvironment(app, service), health, needs, drain, stop, revision]);
}

export function serviceObjects(input: ServiceInput): WantedObject[] {
  const { app, service } = input;
  const about = aboutOf(input);
  const name = namesOf(app.name).service(service.name);
  const selector = selectorOf(app.name, service.name, service.name);
  const objects = [
    deployment(input),
    manifest('v1 Service', name, about, {
      spec: {
        clusterIP: 'None',
        selector,
        ports: [{ name: 'http', port: PORTS.service, protocol: 'TCP', targetPort: 'http' }],
      },
    }),
    manifest('policy/v1 PodDisruptionBudget', name, about, {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: selector },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    }),
    ...(isScaledByLoad(service) ? [autoscaler(input, name, about)] : []),
  ];
  return objects.map((object) => ({ phase: 'services', part: service.name, manifest: object }));
}

/** Whether a HorizontalPodAutoscaler decides on the number of instances. */
export function isScaledByLoad({ instances, stateful }: Service): boolean {
  return stateful === undefined && (instances.cpu !== undefined || instances.memory !== undefined);
}

function aboutOf({ app, service, namespace, owner }: ServiceInput): About {
  return {
    namespace,
    labels: labelsOf(app.name, service.name, service.name),
    ...(owner === undefined ? {} : { owner }),
  };
}

function deployment(input: ServiceInput): Manifest {
  const { app, service, count, exists } = input;
  const selector = selectorOf(app.name, service.name, service.name);
  const pod = input.kept ?? podTemplate(input, selector);
  const about = {
    ...aboutOf(input),
    annotations: { [ANNOTATIONS.template]: templateOf(input), [ANNOTATIONS.pod]: JSON.stringify(pod) },
  };
  return manifest('apps/v1 Deployment', namesOf(app.name).service(service.name), about, {
    spec: {
      // An autoscaler's number is its own, once there is something to scale.
      ...(exists && isScaledByLoad(service) ? {} : { replicas: count }),
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: seconds(service.health.start + RELEASE_MARGIN),
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
      template: pod,
    },
  });
}

function podTemplate(input: ServiceInput, selector: Record<string, string>): object {
  const { app, service, added } = input;
  const { initContainers, volumes } = addedToService(app, service, added);
  return {
    metadata: {
      labels: labelsOf(app.name, service.name, service.name),
      annotations: { [ANNOTATIONS.template]: templateOf(input) },
    },
    spec: {
      ...podSettings(service),
      topologySpreadConstraints: spread(selector),
      ...(initContainers.length === 0 ? {} : { initContainers }),
      containers: [ownContainer(app, service)],
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

function podSettings(service: Service): object {
  const { stateful, stop } = service;
  const leave = stateful === undefined ? ROUTERS_HEAR : seconds(stateful.drain + RELEASED_WITHIN);
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: leave + seconds(stop) + GRACE_MARGIN,
    tolerations: tolerations(LEAVE_DEAD_NODE),
    securityContext: POD_SECURITY,
  };
}

function ownContainer(app: App, service: Service): object {
  const handsOver = service.stateful?.handoff === true;
  return {
    name: service.name,
    image: service.image,
    env: [...serviceEnvironment(app, service), routerUrl(app)],
    ports: [
      { name: 'http', containerPort: PORTS.service, protocol: 'TCP' },
      ...(handsOver ? [{ name: 'sessions', containerPort: PORTS.sessions, protocol: 'TCP' }] : []),
    ],
    ...(handsOver ? { volumeMounts: [SESSION_TOKEN_MOUNT] } : {}),
    resources: resources(service.resources, USUAL_RESOURCES),
    ...probes(service),
    lifecycle: { preStop: leaving(service) },
    // So that a status can say why it ends.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: CONTAINER_SECURITY,
  };
}

/**
 * As on a machine: two failed answers make an instance unready, three failures of its liveness hung. Until it is
 * started, no answer within 2 s is a failed one; later it takes 5 s: on a busy node all are slow, and ending a slow
 * one would cost its users what they have there. One that hangs or never starts has nobody to wait for: it is not
 * given the time that its users would get.
 */
function probes({ health, stop }: Service): object {
  const { ready, live, start } = health;
  const probe = (path: string, period: number, failures: number): object => ({
    ...httpProbe(path, 'http'),
    periodSeconds: period,
    failureThreshold: failures,
  });
  const atOnce = { terminationGracePeriodSeconds: seconds(stop) + GRACE_MARGIN };
  return {
    startupProbe: { ...probe(ready, 1, seconds(start)), timeoutSeconds: 2, ...atOnce },
    readinessProbe: { ...probe(ready, 1, 2), timeoutSeconds: PATIENCE },
    ...(live === undefined
      ? {}
      : { livenessProbe: { ...probe(live, 5, 3), timeoutSeconds: PATIENCE, ...atOnce } }),
  };
}

/** The kubelet waits for this before it tells the instance to end. */
function leaving({ stateful }: Service): object {
  return stateful === undefined
    ? { sleep: { seconds: ROUTERS_HEAR } }
    : { httpGet: { path: '/drain', port: PORTS.drain, scheme: 'HTTP' } };
}

function autoscaler({ app, service, count }: ServiceInput, name: string, about: About): Manifest {
  const { cpu, memory, max } = service.instances;
  const metric = (resource: string, share: number | undefined): object[] =>
    share === undefined
      ? []
      : [
          {
            type: 'Resource',
            resource: { name: resource, target: { type: 'Utilization', averageUtilization: share } },
          },
        ];
  return manifest('autoscaling/v2 HorizontalPodAutoscaler', name, about, {
    spec: {
      scaleTargetRef: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: namesOf(app.name).service(service.name),
      },
      minReplicas: count,
      maxReplicas: max,
      metrics: [...metric('cpu', cpu), ...metric('memory', memory)],
    },
  });
}
