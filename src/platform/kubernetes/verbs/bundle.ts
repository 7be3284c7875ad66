/** All that `deploy` sends: the spec of the App and, where they come from a folder, the migrations. */
import { resolve } from 'node:path';
import { isMap } from '../../../app/raw-value.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { AppRef } from './app-access.ts';
import type { ClusterFile } from './cluster-file.ts';
import { migrationFilesMap, readMigrationFiles } from './migration-files.ts';

export interface Bundle {
  readonly ref: AppRef;
  readonly spec: Readonly<Record<string, unknown>>;
  /** A ConfigMap. */
  readonly files?: Manifest;
}

/** @throws UserError for migrations that can't be applied or sent */
export async function bundleOf({ app, spec, folder }: ClusterFile, namespace: string): Promise<Bundle> {
  const ref = { namespace, name: app.name };
  const { migrations } = app;
  const isBrought = migrations !== undefined && (migrations.image ?? migrations.configMap) === undefined;
  if (!isBrought) return { ref, spec };
  const files = migrationFilesMap(ref, await readMigrationFiles(resolve(folder, migrations.path)));
  const written = isMap(spec['migrations']) ? spec['migrations'] : {};
  return { ref, spec: { ...spec, migrations: { ...written, configMap: files.metadata.name } }, files };
}

/** The App as it is sent. */
export function appManifest({ ref, spec }: Bundle): Manifest {
  const { apiVersion, kind } = RESOURCE_TYPES.App;
  return { apiVersion, kind, metadata: ref, spec };
}
