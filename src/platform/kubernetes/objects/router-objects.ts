/** The objects of an application's routers: HAProxy with its driver, two or more. Pure. */
import type { App } from '../../../app/model.ts';
import type { PublishedStructure } from '../../../routing/published-structure.ts';
import { manifest, type About, type Manifest, type WantedObject } from './manifest.ts';
import { labelsOf, namesOf, PORTS, selectorOf } from './names.ts';
import {
  httpProbe,
  OWN_SECURITY,
  ownResources,
  POD_SECURITY,
  resources,
  spread,
  tolerations,
  type Images,
} from './pod-parts.ts';

export interface RouterInput {
  readonly app: App;
  readonly images: Images;
  readonly namespace: string;
  readonly owner: About['owner'];
  readonly structure: PublishedStructure;
}

/** How long a router may finish requests that are under way; s. */
const GRACE = 60;
const LEAVE_DEAD_NODE = 5;
const MEBIBYTE = 1024 ** 2;

export function routerObjects(input: RouterInput): WantedObject[] {
  const { app, namespace, owner } = input;
  const about: About = {
    namespace,
    labels: labelsOf(app.name, 'router'),
    ...(owner === undefined ? {} : { owner }),
  };
  const objects = [
    structureMap(input, about),
    ...rights(app, about),
    deployment(input, about),
    ...services(app, about),
    manifest('policy/v1 PodDisruptionBudget', namesOf(app.name).router, about, {
      spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(app.name, 'router') } },
    }),
    ...ingress(app, about),
  ];
  return objects.map((object) => ({ phase: 'routes', part: 'router', manifest: object }));
}

/** Where users reach the application: the Ingress, or the Service from inside the cluster. */
export function publicUrl({ name, router }: App, namespace: string): string {
  const { ingress } = router;
  if (ingress === undefined) return `http://${namesOf(name).router}.${namespace}.svc`;
  return `${ingress.tls === undefined ? 'http' : 'https'}://${ingress.host}`;
}

function structureMap({ app, structure }: RouterInput, about: About): Manifest {
  return manifest('v1 ConfigMap', namesOf(app.name).routing, about, {
    data: { structure: JSON.stringify(structure) },
  });
}

/** A router may read what is published for it, and where instances are. Nothing else, and write nothing. */
function rights(app: App, about: About): Manifest[] {
  const names = namesOf(app.name);
  const tables = app.services.filter((s) => s.stateful !== undefined).map((s) => names.owners(s.name));
  const verbs = ['list', 'watch'];
  const { tls } = app.router;
  const certificate =
    tls === undefined
      ? []
      : [{ apiGroups: [''], resources: ['secrets'], resourceNames: [tls.secret], verbs }];
  return [
    manifest('v1 ServiceAccount', names.router, about, { automountServiceAccountToken: false }),
    manifest('rbac.authorization.k8s.io/v1 Role', names.router, about, {
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: [names.routing, ...tables], verbs },
        ...certificate,
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
      ],
    }),
    manifest('rbac.authorization.k8s.io/v1 RoleBinding', names.router, about, {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: names.router },
      subjects: [{ kind: 'ServiceAccount', name: names.router, namespace: about.namespace }],
    }),
  ];
}

function deployment({ app, images }: RouterInput, about: About): Manifest {
  const selector = selectorOf(app.name, 'router');
  return manifest('apps/v1 Deployment', namesOf(app.name).router, about, {
    spec: {
      replicas: app.router.instances,
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 60,
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: labelsOf(app.name, 'router') },
        spec: routerPod(app, images, selector),
      },
    },
  });
}

function routerPod(app: App, images: Images, selector: Record<string, string>): object {
  const names = namesOf(app.name);
  const field = (name: string, fieldPath: string): object => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return {
    serviceAccountName: names.router,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE,
    tolerations: tolerations(LEAVE_DEAD_NODE),
    topologySpreadConstraints: spread(selector),
    securityContext: POD_SECURITY,
    containers: [
      {
        name: 'router',
        image: images.holdfast,
        imagePullPolicy: images.pullPolicy,
        args: ['router'],
        env: [
          { name: 'HOLDFAST_APP', value: app.name },
          { name: 'HOLDFAST_TOKEN_FILE', value: '/var/run/holdfast-internal/token' },
          field('POD_NAME', 'metadata.name'),
          field('POD_NAMESPACE', 'metadata.namespace'),
          field('POD_IP', 'status.podIP'),
        ],
        ports: [
          { name: 'http', containerPort: PORTS.service, protocol: 'TCP' },
          ...(app.router.tls === undefined
            ? []
            : [{ name: 'https', containerPort: PORTS.tls, protocol: 'TCP' }]),
          { name: 'state', containerPort: PORTS.state, protocol: 'TCP' },
          { name: 'pins', containerPort: PORTS.pins, protocol: 'TCP' },
        ],
        resources:
          app.router.resources === undefined
            ? ownResources(100, 96 * MEBIBYTE, 512 * MEBIBYTE)
            : resources(app.router.resources, { cpu: 100, memory: 96 * MEBIBYTE }),
        startupProbe: {
          ...httpProbe('/ready', 'state'),
          periodSeconds: 1,
          timeoutSeconds: 2,
          failureThreshold: 120,
        },
        readinessProbe: {
          ...httpProbe('/ready', 'state'),
          periodSeconds: 1,
          timeoutSeconds: 2,
          failureThreshold: 2,
        },
        livenessProbe: {
          ...httpProbe('/live', 'state'),
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 3,
        },
        volumeMounts: [
          { name: 'internal', mountPath: '/var/run/holdfast-internal', readOnly: true },
          { name: 'run', mountPath: '/var/run/holdfast' },
          { name: 'scratch', mountPath: '/tmp' },
        ],
        securityContext: OWN_SECURITY,
      },
    ],
    volumes: [
      { name: 'internal', secret: { secretName: names.internal } },
      { name: 'run', emptyDir: {} },
      { name: 'scratch', emptyDir: {} },
    ],
  };
}

/** One for users; one, without an address of its own, by which routers and instances find the routers. */
function services(app: App, about: About): Manifest[] {
  const names = namesOf(app.name);
  const selector = selectorOf(app.name, 'router');
  const port = (name: string, number: number, target = name): object => ({
    name,
    port: number,
    protocol: 'TCP',
    targetPort: target,
  });
  const { service, nodePort, tls } = app.router;
  const open = (entry: object, node: number | undefined): object =>
    node === undefined ? entry : { ...entry, nodePort: node };
  return [
    manifest('v1 Service', names.router, about, {
      spec: {
        type: service,
        selector,
        ports: [
          open(port('http', 80), nodePort),
          ...(tls === undefined ? [] : [open(port('https', 443), tls.nodePort)]),
        ],
      },
    }),
    manifest('v1 Service', names.routers, about, {
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector,
        ports: [port('state', PORTS.state), port('pins', PORTS.pins)],
      },
    }),
  ];
}

function ingress(app: App, about: About): Manifest[] {
  const { name, router } = app;
  if (router.ingress === undefined) return [];
  const { host, class: className, tls } = router.ingress;
  const backend = { service: { name: namesOf(name).router, port: { name: 'http' } } };
  return [
    manifest('networking.k8s.io/v1 Ingress', namesOf(name).router, about, {
      spec: {
        ...(className === undefined ? {} : { ingressClassName: className }),
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
        ...(tls === undefined ? {} : { tls: [{ hosts: [host], secretName: tls }] }),
      },
    }),
  ];
}
