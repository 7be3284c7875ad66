/**
 * The connection that kubectl would use: from the files in KUBECONFIG, or ~/.kube/config, and a context in
 * them. What is not supported is refused by name, never ignored.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { defined } from '../../../app/defined.ts';
import { UserError } from '../../../app/failure.ts';
import type { Credentials, Environment, KubeConnection } from './connection.ts';
import { pluginCredentials } from './exec-plugin.ts';
import { keptFor } from './kept-for.ts';
import {
  mergeKubeconfigs,
  type ClusterEntry,
  type ContextEntry,
  type Kubeconfig,
  type UserEntry,
} from './kubeconfig-file.ts';

export interface KubeconfigOptions {
  readonly env: Environment;
  /** Default: the current context of the files. */
  readonly context?: string | undefined;
}

/** A file with a token is read again after this; ms. */
const TOKEN_FILE_KEPT = 60_000;

/** @throws UserError that says which file, context or entry is missing, wrong or not supported */
export async function kubeconfigConnection({ env, context }: KubeconfigOptions): Promise<KubeConnection> {
  const paths = kubeconfigPaths(env);
  const files = await readFiles(paths);
  if (files.length === 0) {
    throw new UserError(
      `No kubeconfig: there is no ${paths.join(', no ')}. Put your cluster's kubeconfig there, or its path into KUBECONFIG.`,
    );
  }
  const config = mergeKubeconfigs(files);
  const { name, entry } = chooseContext(config, context, paths.join(delimiter));
  const cluster = config.clusters.get(entry.cluster);
  if (cluster === undefined) throw missing('cluster', entry.cluster, name);
  const user = given(entry.user) === undefined ? {} : config.users.get(entry.user ?? '');
  if (user === undefined) throw missing('user', entry.user ?? '', name);
  refuseUnsupported(name, cluster, user);
  return {
    ...(await howToReach(cluster, name)),
    namespace: given(entry.namespace) ?? 'default',
    credentials: await userCredentials(user, env),
  };
}

async function howToReach(
  cluster: ClusterEntry,
  context: string,
): Promise<Omit<KubeConnection, 'namespace' | 'credentials'>> {
  const authority = await readPem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const serverName = given(cluster['tls-server-name']);
  const insecure = cluster['insecure-skip-tls-verify'];
  return { server: checkedServer(cluster.server, context), ...defined({ authority, serverName, insecure }) };
}

/** Like kubectl, an empty text is none. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Where kubectl looks for its configuration. */
export function kubeconfigPaths(env: Environment): string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

/** Like kubectl, does without files that are not there. */
async function readFiles(paths: readonly string[]): Promise<{ path: string; text: string }[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      try {
        return [{ path, text: await readFile(path, 'utf8') }];
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return [];
        throw new UserError(`Cannot read the kubeconfig ${path} (${code ?? 'unknown'})`, { cause: error });
      }
    }),
  );
  return files.flat();
}

function chooseContext(
  config: Kubeconfig,
  wanted: string | undefined,
  where: string,
): { name: string; entry: ContextEntry } {
  const names = [...config.contexts.keys()].toSorted();
  const there = names.length === 0 ? 'There is none.' : `There are: ${names.join(', ')}.`;
  const name = wanted ?? config.currentContext;
  if (name === undefined) {
    throw new UserError(`No context is current in ${where}. Name one with --context. ${there}`);
  }
  const entry = config.contexts.get(name);
  if (entry === undefined) throw new UserError(`There is no context "${name}" in ${where}. ${there}`);
  return { name, entry };
}

function missing(what: string, name: string, context: string): UserError {
  return new UserError(
    `The context "${context}" names the ${what} "${name}", which the kubeconfig does not have`,
  );
}

function refuseUnsupported(context: string, cluster: ClusterEntry, user: UserEntry): void {
  const found = [
    cluster['proxy-url'] === undefined ? [] : 'proxy-url',
    user['auth-provider'] === undefined || user['auth-provider'] === null ? [] : 'auth-provider',
    user.username === undefined ? [] : 'username',
    user.as === undefined ? [] : 'as (impersonation)',
  ].flat();
  if (found.length === 0) return;
  throw new UserError(
    `The context "${context}" uses ${found.join(' and ')}, which is not supported. Use a client certificate, a token or an exec plugin, and a server that is reached directly.`,
  );
}

function checkedServer(server: string, context: string): string {
  const protocol = URL.parse(server)?.protocol;
  if (protocol === 'https:' || protocol === 'http:') return server;
  throw new UserError(`The server of the context "${context}" is not a URL with https: ${server}`);
}

/** Like kubectl: data before file, tokenFile before token, both before a plugin. */
async function userCredentials(user: UserEntry, env: Environment): Promise<KubeConnection['credentials']> {
  const certificate = await readPem(user['client-certificate-data'], user['client-certificate']);
  const key = await readPem(user['client-key-data'], user['client-key']);
  const own: Credentials = defined({ certificate, key });
  const tokenFile = given(user.tokenFile);
  if (tokenFile !== undefined) {
    return keptFor(TOKEN_FILE_KEPT, async () => ({ ...own, token: (await readNamed(tokenFile)).trim() }));
  }
  const token = given(user.token);
  if (token !== undefined) return () => Promise.resolve({ ...own, token });
  if (!user.exec) return () => Promise.resolve(own);
  const ask = pluginCredentials(user.exec, env);
  return async (fresh) => ({ ...own, ...(await ask(fresh)) });
}

async function readPem(data: string | undefined, path: string | undefined): Promise<string | undefined> {
  if (given(data) !== undefined) return Buffer.from(data ?? '', 'base64').toString();
  return path === undefined || path === '' ? undefined : readNamed(path);
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read ${path}, which the kubeconfig names`, { cause });
  }
}
