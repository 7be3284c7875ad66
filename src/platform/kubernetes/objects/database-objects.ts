/** The objects of the application's own MariaDB: one StatefulSet with one pod and one volume. Pure. */
import type { App, Database } from '../../../app/model.ts';
import { manifest, type About, type Manifest, type WantedObject } from './manifest.ts';
import { labelsOf, namesOf, PORTS, selectorOf } from './names.ts';
import {
  binarySize,
  HOLDFAST_USER,
  httpProbe,
  OWN_SECURITY,
  POD_SECURITY,
  resources,
  tolerations,
  type Images,
} from './pod-parts.ts';

export interface DatabaseInput {
  readonly app: App;
  readonly images: Images;
  readonly namespace: string;
  readonly owner: About['owner'];
  /** The data goes when the App goes. */
  readonly deleteData: boolean;
}

type Single = Extract<Database, { topology: 'single' }>;

/** How long mariadbd may take to write everything down at its end, and to recover at its start; s. */
const SHUTDOWN = 90;
const RECOVERY = 600;
/** After that its pod is marked for deletion; it is replaced only once it is certainly gone; s. */
const LEAVE_DEAD_NODE = 30;
const MEBIBYTE = 1024 ** 2;
/** What mariadbd and the agent need beside the buffer pool; bytes. */
const BESIDE_BUFFER_POOL = 256 * MEBIBYTE;
/** Where the agent finds the accounts: one file each, named by the account. */
const ACCOUNTS_FOLDER = '/var/run/holdfast-accounts';
const DATA_FOLDER = '/var/lib/holdfast';

/** None when the database is not Holdfast's own. */
export function databaseObjects(input: DatabaseInput): WantedObject[] {
  const { app, namespace, owner } = input;
  if (app.database?.topology !== 'single') return [];
  const about: About = {
    namespace,
    labels: labelsOf(app.name, 'database'),
    ...(owner === undefined ? {} : { owner }),
  };
  return [headlessService(app.name, about), statefulSet(input, app.database, about)].map((object) => ({
    phase: 'database',
    part: 'database',
    manifest: object,
  }));
}

/** The Secret with the password of each account. */
export function accountsSecret(app: App): string {
  const { database, name } = app;
  return (database?.topology === 'single' ? database.existingSecret : undefined) ?? namesOf(name).database;
}

function headlessService(app: string, about: About): Manifest {
  return manifest('v1 Service', namesOf(app).database, about, {
    spec: {
      clusterIP: 'None',
      selector: selectorOf(app, 'database'),
      ports: [{ name: 'mysql', port: PORTS.database, protocol: 'TCP', targetPort: 'mysql' }],
    },
  });
}

function statefulSet(input: DatabaseInput, database: Single, about: About): Manifest {
  const { app, deleteData } = input;
  const name = namesOf(app.name).database;
  return manifest('apps/v1 StatefulSet', name, about, {
    spec: {
      serviceName: name,
      replicas: 1,
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorOf(app.name, 'database') },
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: deleteData ? 'Delete' : 'Retain',
        whenScaled: 'Retain',
      },
      template: {
        metadata: { labels: labelsOf(app.name, 'database') },
        spec: databasePod(input, database),
      },
      volumeClaimTemplates: [volumeClaim(app.name, database)],
    },
  });
}

function databasePod({ app, images }: DatabaseInput, database: Single): object {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: SHUTDOWN,
    tolerations: tolerations(LEAVE_DEAD_NODE),
    securityContext: {
      ...POD_SECURITY,
      fsGroup: HOLDFAST_USER,
      fsGroupChangePolicy: 'OnRootMismatch',
    },
    containers: [
      {
        name: 'database',
        image: images.database,
        imagePullPolicy: images.pullPolicy,
        args: ['agent'],
        env: [
          { name: 'HOLDFAST_DATABASE_NAME', value: database.name },
          { name: 'HOLDFAST_DATABASE_MEMORY', value: String(database.memory) },
          { name: 'HOLDFAST_DATA', value: `${DATA_FOLDER}/database` },
          { name: 'HOLDFAST_ACCOUNTS_FOLDER', value: ACCOUNTS_FOLDER },
        ],
        ports: [
          { name: 'mysql', containerPort: PORTS.database, protocol: 'TCP' },
          { name: 'state', containerPort: PORTS.state, protocol: 'TCP' },
        ],
        resources: resources(database.resources, {
          cpu: 100,
          memory: database.memory + BESIDE_BUFFER_POOL,
        }),
        startupProbe: {
          ...httpProbe('/ready', 'state'),
          periodSeconds: 1,
          timeoutSeconds: 2,
          failureThreshold: RECOVERY,
        },
        readinessProbe: {
          ...httpProbe('/ready', 'state'),
          periodSeconds: 2,
          timeoutSeconds: 3,
          failureThreshold: 2,
        },
        livenessProbe: {
          ...httpProbe('/live', 'state'),
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 6,
        },
        volumeMounts: [
          { name: 'data', mountPath: DATA_FOLDER },
          { name: 'accounts', mountPath: ACCOUNTS_FOLDER, readOnly: true },
          { name: 'scratch', mountPath: '/tmp' },
          { name: 'run', mountPath: '/var/run/holdfast' },
        ],
        securityContext: OWN_SECURITY,
      },
    ],
    volumes: [
      { name: 'accounts', secret: { secretName: accountsSecret(app), defaultMode: 0o440 } },
      { name: 'scratch', emptyDir: {} },
      { name: 'run', emptyDir: { medium: 'Memory' } },
    ],
  };
}

function volumeClaim(app: string, { storage, storageClass }: Single): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', labels: selectorOf(app, 'database') },
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage: binarySize(storage) } },
      volumeMode: 'Filesystem',
    },
  };
}
