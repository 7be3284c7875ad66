/** A `holdfast.yaml` as a cluster can run it: what only a machine has is refused with its place in the file. */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { FileError, formatPath } from '../../../app/file-error.ts';
import { loadApp } from '../../../app/load.ts';
import type { App, Service, ValueSource } from '../../../app/model.ts';
import { readYaml } from '../../../app/yaml-text.ts';

export interface ClusterFile {
  readonly app: App;
  /** The file as data, as the user wrote it: the spec of the App. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly folder: string;
}

/** What keeps an application from running on a cluster. */
export interface ClusterProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** @throws UserError when there is no file, FileError with all that is wrong with it */
export async function loadClusterFile(path: string | undefined, cwd: string): Promise<ClusterFile> {
  const { app, file, folder } = await loadApp(path, cwd);
  const yaml = readYaml(await readFile(file, 'utf8'));
  const name = relative(cwd, file).startsWith('..') ? file : relative(cwd, file);
  const problems = clusterProblems(app).map((problem) => ({
    file: name,
    ...yaml.place(problem.path, 'key'),
    path: formatPath(problem.path),
    message: problem.message,
    expected: 'what a cluster can have',
  }));
  if (problems.length > 0) throw new FileError(problems);
  return { app, spec: yaml.data as Readonly<Record<string, unknown>>, folder };
}

/** In the order of the file's keys. Pure. */
export function clusterProblems({ services, database }: App): ClusterProblem[] {
  const url = database?.topology === 'external' ? sourceProblem(database.url) : undefined;
  return [
    ...services.flatMap(serviceProblems),
    ...(url === undefined ? [] : [{ path: ['database', 'url'], message: url }]),
  ];
}

function serviceProblems({ name, image, env }: Service): ClusterProblem[] {
  const path = ['services', name];
  const variables = Object.entries(env).flatMap(([variable, source]) => {
    const message = sourceProblem(source);
    return message === undefined ? [] : [{ path: [...path, 'env', variable], message }];
  });
  if (image !== undefined) return variables;
  const message = 'image: missing; on a cluster instances are started from an image';
  return [{ path, message }, ...variables];
}

function sourceProblem({ kind }: ValueSource): string | undefined {
  if (kind !== 'from' && kind !== 'file') return undefined;
  return `\`${kind}\` is for a machine; on a cluster put the value into a Secret and write { secret: NAME, key: KEY }`;
}
