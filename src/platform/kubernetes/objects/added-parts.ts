/**
 * What Holdfast adds to a service's pod: the containers that wait for the migrations, and for a service
 * with sessions the one that holds the pod's end back until its users have left.
 */
import type { App, Service, Stateful } from '../../../app/model.ts';
import { namesOf, PORTS } from './names.ts';
import { CONTAINER_SECURITY, OWN_SECURITY, ownResources, seconds, type Images } from './pod-parts.ts';
import { databaseUrl, SESSION_TOKEN_FILE, SESSION_TOKEN_FOLDER } from './service-environment.ts';

/** Where the files of a set of migrations are. */
export type MigrationFiles =
  | { readonly configMap: string }
  /** In the folder `/migrations` of an image that has `cp`. */
  | { readonly image: string };

export interface AddedParts {
  readonly images: Images;
  /** Absent without migrations. */
  readonly files?: MigrationFiles;
}

const FILES_FOLDER = '/migrations';
const MEBIBYTE = 1024 ** 2;

/** Containers and volumes, for the pod of a service or of a migrator. */
export interface PodAddition {
  readonly initContainers: readonly object[];
  readonly volumes: readonly object[];
}

/** What is added to the pods of one service. */
export function addedToService(app: App, service: Service, { images, files }: AddedParts): PodAddition {
  const migrations =
    app.database === undefined || files === undefined
      ? { initContainers: [], volumes: [] }
      : waitForMigrations(app, service, images, files);
  const drain =
    service.stateful === undefined
      ? { initContainers: [], volumes: [] }
      : drainSidecar(app, service.name, service.stateful, images);
  return {
    initContainers: [...migrations.initContainers, ...drain.initContainers],
    volumes: [...migrations.volumes, ...drain.volumes],
  };
}

/** The files of a set, in `/migrations` of the containers that mount the volume `migrations`. */
export function migrationFiles(files: MigrationFiles, pullPolicy: string): PodAddition {
  if ('configMap' in files)
    return {
      initContainers: [],
      volumes: [{ name: 'migrations', configMap: { name: files.configMap } }],
    };
  return {
    initContainers: [
      {
        name: 'migration-files',
        image: files.image,
        imagePullPolicy: pullPolicy,
        command: ['cp', '-r', `${FILES_FOLDER}/.`, '/files/'],
        volumeMounts: [{ name: 'migrations', mountPath: '/files' }],
        resources: ownResources(10, 16 * MEBIBYTE, 64 * MEBIBYTE),
        securityContext: { ...CONTAINER_SECURITY, readOnlyRootFilesystem: true },
      },
    ],
    volumes: [{ name: 'migrations', emptyDir: {} }],
  };
}

/** The container in which a migrator works; `args` follow `holdfast`. */
export function migratorContainer(
  name: string,
  args: readonly string[],
  images: Images,
  url: object,
): Record<string, unknown> {
  return {
    name,
    image: images.database,
    imagePullPolicy: images.pullPolicy,
    args: [...args, '--folder', FILES_FOLDER],
    env: [url],
    volumeMounts: [
      { name: 'migrations', mountPath: FILES_FOLDER, readOnly: true },
      { name: 'scratch', mountPath: '/tmp' },
    ],
    resources: ownResources(50, 64 * MEBIBYTE, 512 * MEBIBYTE),
    securityContext: OWN_SECURITY,
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

export const SCRATCH_VOLUME = { name: 'scratch', emptyDir: {} };

function waitForMigrations(app: App, service: Service, images: Images, files: MigrationFiles): PodAddition {
  const source = migrationFiles(files, images.pullPolicy);
  const url = databaseUrl(app, service.name);
  return {
    initContainers: [
      ...source.initContainers,
      migratorContainer('wait-for-migrations', ['migrate', 'wait', '--through-failures'], images, url),
    ],
    volumes: [...source.volumes, SCRATCH_VOLUME],
  };
}

/** It stands beside every instance and does next to nothing: fewer threads, smaller heaps. */
const SMALL_PROCESS = [
  { name: 'NODE_OPTIONS', value: '--max-semi-space-size=1 --v8-pool-size=1' },
  { name: 'MALLOC_ARENA_MAX', value: '1' },
  { name: 'UV_THREADPOOL_SIZE', value: '1' },
];

/** It asks the instance itself, too, whether all sessions are elsewhere. */
const SESSION_VARIABLES = [
  { name: 'HOLDFAST_SESSION_PORT', value: String(PORTS.sessions) },
  { name: 'HOLDFAST_SESSION_TOKEN_FILE', value: SESSION_TOKEN_FILE },
];

/** What the containers of an instance know each other by, where sessions are handed over. */
export const SESSION_TOKEN_MOUNT = { name: 'sessions', mountPath: SESSION_TOKEN_FOLDER, readOnly: true };

function sessionToken(app: App, service: string): object {
  const secret = { secretName: namesOf(app.name).sessions, items: [{ key: service, path: 'token' }] };
  return { name: SESSION_TOKEN_MOUNT.name, secret };
}

function drainSidecar(app: App, service: string, { drain, handoff }: Stateful, images: Images): PodAddition {
  const names = namesOf(app.name);
  return {
    initContainers: [
      {
        name: 'drain',
        image: images.holdfast,
        imagePullPolicy: images.pullPolicy,
        restartPolicy: 'Always',
        args: ['drain'],
        env: [
          { name: 'HOLDFAST_SERVICE', value: service },
          { name: 'INSTANCE', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'HOLDFAST_ROUTERS', value: names.routers },
          { name: 'HOLDFAST_DRAIN', value: `${seconds(drain)}s` },
          { name: 'HOLDFAST_TOKEN_FILE', value: '/var/run/holdfast-internal/token' },
          ...(handoff ? SESSION_VARIABLES : []),
          ...SMALL_PROCESS,
        ],
        ports: [{ name: 'drain', containerPort: PORTS.drain }],
        volumeMounts: [
          { name: 'internal', mountPath: '/var/run/holdfast-internal', readOnly: true },
          ...(handoff ? [SESSION_TOKEN_MOUNT] : []),
        ],
        resources: ownResources(10, 32 * MEBIBYTE, 128 * MEBIBYTE),
        securityContext: OWN_SECURITY,
      },
    ],
    volumes: [
      { name: 'internal', secret: { secretName: names.internal } },
      ...(handoff ? [sessionToken(app, service)] : []),
    ],
  };
}
