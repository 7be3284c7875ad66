/**
 * The kubeconfig format as far as it is used here, and how several files make one
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files).
 */
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../../app/failure.ts';

const text = z.string().optional();
const flag = z.boolean().optional();

const Cluster = z.object({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': flag,
  'tls-server-name': text,
  'proxy-url': text,
});

const Exec = z.object({
  apiVersion: z.string(),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  interactiveMode: text,
  provideClusterInfo: flag,
});

const User = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  as: text,
  'auth-provider': z.unknown().optional(),
  exec: Exec.nullish(),
});

const Context = z.object({ cluster: z.string(), user: text, namespace: text });

/** A list of `{ name, [key]: value }`, of which entries without a usable value are an error. */
function named<Shape extends z.ZodType>(
  key: string,
  shape: Shape,
): z.ZodType<{ name: string; value: z.infer<Shape> }[]> {
  const entry = z.looseObject({ name: z.string() }).transform((entry, context) => {
    const result = shape.safeParse(entry[key]);
    if (result.success) return { name: entry.name, value: result.data };
    for (const { message, path } of result.error.issues) {
      context.addIssue({ code: 'custom', message, path: [key, ...path] });
    }
    return z.NEVER;
  });
  return z
    .array(entry)
    .nullish()
    .transform((entries) => entries ?? []);
}

const File = z.object({
  'current-context': text,
  clusters: named('cluster', Cluster),
  users: named('user', User),
  contexts: named('context', Context),
});

export type ClusterEntry = z.infer<typeof Cluster>;
export type ExecEntry = z.infer<typeof Exec>;
export type UserEntry = z.infer<typeof User>;
export type ContextEntry = z.infer<typeof Context>;

/** Several files as one: what comes first counts. Relative paths in it are already absolute. */
export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
}

/**
 * Merges files given as path and text, in their order of precedence.
 * @throws UserError when one of them is not a kubeconfig; it never repeats what is in the file
 */
export function mergeKubeconfigs(files: readonly { path: string; text: string }[]): Kubeconfig {
  const parsed = files.map(({ path, text }) => ({ path, file: readFile(path, text) }));
  const entries = <T>(of: (file: z.infer<typeof File>, folder: string) => [string, T][]): Map<string, T> =>
    new Map(parsed.toReversed().flatMap(({ path, file }) => of(file, dirname(path)).toReversed()));
  return {
    currentContext: parsed.map(({ file }) => file['current-context']).find((name) => (name ?? '') !== ''),
    clusters: entries((file, folder) =>
      file.clusters.map(({ name, value }) => [name, absolute(value, ['certificate-authority'], folder)]),
    ),
    users: entries((file, folder) =>
      file.users.map(({ name, value }) => [name, absoluteUser(value, folder)]),
    ),
    contexts: entries((file) => file.contexts.map(({ name, value }) => [name, value])),
  };
}

function readFile(path: string, text: string): z.infer<typeof File> {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw new UserError(`${path} is not YAML`); // the parser's own message quotes the file
  }
  const result = File.safeParse(value ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${path} is not a kubeconfig: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function absolute<T extends object>(entry: T, keys: readonly (keyof T)[], folder: string): T {
  const paths = keys.flatMap((key) => {
    const path = entry[key];
    return typeof path === 'string' && path !== '' ? [[key, resolve(folder, path)]] : [];
  });
  return { ...entry, ...(Object.fromEntries(paths) as Partial<T>) };
}

/** A plugin's command without a slash is looked for in PATH. */
function absoluteUser(user: UserEntry, folder: string): UserEntry {
  const { exec } = user;
  const isPath = exec?.command.includes('/') === true;
  return {
    ...absolute(user, ['client-certificate', 'client-key', 'tokenFile'], folder),
    ...(exec && isPath ? { exec: { ...exec, command: resolve(folder, exec.command) } } : {}),
  };
}
