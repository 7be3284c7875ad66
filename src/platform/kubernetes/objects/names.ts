/** What the objects of one application are called, and the labels by which they are found. Pure. */

/** The label that every object of an application has. */
export const APP_LABEL = 'holdfast.dev/app';
/** The label of a service's objects and pods. */
export const SERVICE_LABEL = 'holdfast.dev/service';

/** Annotations of pods and objects that the controller works from. */
export const ANNOTATIONS = {
  /** On pods and Deployments: identity of what the service's own part of a pod is made from. */
  template: 'holdfast.dev/template',
  /** On the Job of a contract: `contract`. */
  phase: 'holdfast.dev/phase',
  /** Likewise: the names of its files as JSON, where they were known; the pod that told them may go. */
  contracts: 'holdfast.dev/contracts',
  /** On every object: digest of what it was last made from, so that a key that is dropped is noticed. */
  applied: 'holdfast.dev/applied',
  /** On a Deployment: its pods as they were made, as JSON; kept until the service itself changes. */
  pod: 'holdfast.dev/pod',
  /** On the database's pod: version of the Secret with the accounts; a change makes the kubelet hand it over at once. */
  accounts: 'holdfast.dev/accounts',
  /** On an App: numbers asked for by `scale`, as JSON. */
  scale: 'holdfast.dev/scale',
  /** On an App: how often each service was restarted by hand, as JSON. */
  restarts: 'holdfast.dev/restarts',
  /** On an App: `true` lets data and passwords go with it. */
  deleteData: 'holdfast.dev/delete-data',
} as const;

/** The port that every instance listens on, and those of Holdfast's own parts. */
export const PORTS = {
  service: 8080,
  state: 8081,
  tls: 8443,
  drain: 9000,
  pins: 1024,
  sessions: 7071,
  database: 3306,
} as const;

export interface Names {
  readonly database: string;
  readonly urls: string;
  readonly generated: string;
  readonly internal: string;
  /** The tokens of services that hand sessions over, a key each. */
  readonly sessions: string;
  readonly router: string;
  readonly routers: string;
  readonly routing: string;
  /** What the controller remembers. */
  readonly memory: string;
  service(service: string): string;
  owners(service: string): string;
  migration(hash: string): string;
  contract(hash: string): string;
}

/** The names of everything that belongs to the application `app`. */
export function namesOf(app: string): Names {
  return {
    database: `${app}-database`,
    urls: `${app}-urls`,
    generated: `${app}-generated`,
    internal: `${app}-internal`,
    sessions: `${app}-sessions`,
    router: `${app}-router`,
    routers: `${app}-routers`,
    routing: `${app}-routing`,
    memory: `${app}-holdfast`,
    service: (service) => `${app}-${service}`,
    owners: (service) => `${app}-${service}-owners`,
    // A Job's name is a label of its pods: 63 characters at most, of which the application's has up to 40.
    migration: (hash) => `${app}-migrate-${hash.slice(0, 12)}`,
    contract: (hash) => `${app}-contract-${hash.slice(0, 12)}`,
  };
}

/** The one pod of the database. */
export function databasePod(app: string): string {
  return `${namesOf(app).database}-0`;
}

/** The claim of its volume, as the StatefulSet's template comes to be called. */
export function databaseClaim(app: string): string {
  return `data-${databasePod(app)}`;
}

/** The labels of one part of an application; `part` is a service or one of database, migrations, router. */
export function labelsOf(app: string, part: string, service?: string): Record<string, string> {
  return {
    'app.kubernetes.io/managed-by': 'holdfast',
    'app.kubernetes.io/part-of': app,
    'app.kubernetes.io/name': part,
    [APP_LABEL]: app,
    ...(service === undefined ? {} : { [SERVICE_LABEL]: service }),
  };
}

/** The labels that select the pods of one part; never those that may change. */
export function selectorOf(app: string, part: string, service?: string): Record<string, string> {
  return service === undefined
    ? { 'app.kubernetes.io/name': part, [APP_LABEL]: app }
    : { [APP_LABEL]: app, [SERVICE_LABEL]: service };
}
