/** The Jobs that apply one set of migrations, one for each phase. Named by what they apply; never changed. Pure. */
import type { App } from '../../../app/model.ts';
import { migrationFiles, migratorContainer, SCRATCH_VOLUME, type MigrationFiles } from './added-parts.ts';
import { digest, manifest, type About, type Manifest } from './manifest.ts';
import { ANNOTATIONS, labelsOf, namesOf } from './names.ts';
import { HOLDFAST_USER, ownResources, POD_SECURITY, tolerations, type Images } from './pod-parts.ts';
import { databaseUrl } from './service-environment.ts';

export interface JobInput {
  readonly app: App;
  readonly files: MigrationFiles;
  readonly images: Images;
  readonly namespace: string;
  readonly owner: About['owner'];
  readonly extent: JobExtent;
  /** Names of the files of a contract, as far as they are known. */
  readonly contracts?: readonly string[];
}

/** `expand` leaves the contract to a Job of its own; `everything` is for a database that no version has worked on. */
export type JobExtent = 'expand' | 'everything' | 'contract';

/** Only a human can mend what makes the migrator end with this code. */
const NEEDS_A_HUMAN = 2;
/** Tries for what may pass by itself: a database that is away, a node that goes. */
const TRIES = 20;
const LEAVE_DEAD_NODE = 5;
/** The shadow server beside the migrator takes some 90 MiB; a large data file is held in memory several times. */
const RESOURCES = ownResources(50, 192 * 1024 ** 2, 768 * 1024 ** 2);

/** Identity of what a Job would apply, and where. */
export function migrationSetOf(app: App, files: MigrationFiles): string {
  return digest([files, app.database?.topology]);
}

/** Where Kubernetes takes a container's last words from. */
const LAST_WORDS = '/dev/termination-log';

function argumentsOf(extent: JobExtent): string[] {
  return ['migrate', 'run', ...(extent === 'everything' ? [] : ['--phase', extent]), '--report', LAST_WORDS];
}

/** `podReplacementPolicy: Failed`: a second pod begins only when the first has certainly ended. */
export function migrationJob(input: JobInput): Manifest {
  const { app, files, images, namespace, owner, extent, contracts = [] } = input;
  const set = migrationSetOf(app, files);
  const labels = labelsOf(app.name, 'migrations');
  const source = migrationFiles(files, images.pullPolicy);
  const about: About = {
    namespace,
    labels,
    annotations: {
      [ANNOTATIONS.template]: set,
      ...(extent === 'contract' ? { [ANNOTATIONS.phase]: extent } : {}),
      ...(contracts.length === 0 ? {} : { [ANNOTATIONS.contracts]: JSON.stringify(contracts) }),
    },
    ...(owner === undefined ? {} : { owner }),
  };
  const names = namesOf(app.name);
  const name = extent === 'contract' ? names.contract(set) : names.migration(set);
  return manifest('batch/v1 Job', name, about, {
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: TRIES,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          {
            action: 'FailJob',
            onExitCodes: { containerName: 'migrate', operator: 'In', values: [NEEDS_A_HUMAN] },
          },
        ],
      },
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          tolerations: tolerations(LEAVE_DEAD_NODE),
          securityContext: { ...POD_SECURITY, fsGroup: HOLDFAST_USER },
          ...(source.initContainers.length === 0 ? {} : { initContainers: source.initContainers }),
          containers: [
            {
              ...migratorContainer('migrate', argumentsOf(extent), images, databaseUrl(app, 'migrator')),
              resources: RESOURCES,
            },
          ],
          volumes: [...source.volumes, SCRATCH_VOLUME],
        },
      },
    },
  });
}
