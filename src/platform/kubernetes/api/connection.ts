/**
 * How to reach an API server and as whom. Credentials are asked for before every request, because service
 * account tokens and those of exec plugins are replaced while a process lives.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../../app/failure.ts';
import { keptFor } from './kept-for.ts';

/** Who we are: a bearer token, a client certificate, both or none. */
export interface Credentials {
  readonly token?: string;
  /** PEM, with its key. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface KubeConnection {
  /** `https://host:port`, perhaps with a path before that of the API. */
  readonly server: string;
  /** PEM; absent: the system's authorities. */
  readonly authority?: string;
  /** The name that the server's certificate must carry instead of the host's. */
  readonly serverName?: string;
  /** The certificate of the server is not checked, because the user said so. */
  readonly insecure?: boolean;
  /** Where the user works unless told otherwise. */
  readonly namespace: string;
  /** `fresh`: the ones given before were refused (401), so nothing kept may be given again. */
  readonly credentials: (fresh?: boolean) => Promise<Credentials>;
}

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet replaces the token's file long before the token ends; ms. */
const TOKEN_KEPT = 60_000;

/**
 * The connection of a pod, by its service account.
 * @param folder where the service account's files are mounted
 * @throws UserError when this process is not in a pod, or its pod has no service account token
 */
export async function inClusterConnection(
  env: Environment,
  folder = SERVICE_ACCOUNT,
): Promise<KubeConnection> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || port === undefined) {
    throw new UserError(
      'Not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. Name a context with --context.',
    );
  }
  const read = (file: string): Promise<string> => readServiceAccount(folder, file);
  const credentials = keptFor(TOKEN_KEPT, async () => ({ token: (await read('token')).trim() }));
  const [authority, namespace] = await Promise.all([read('ca.crt'), read('namespace'), credentials()]);
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { server, authority, namespace: namespace.trim(), credentials };
}

async function readServiceAccount(folder: string, file: string): Promise<string> {
  try {
    return await readFile(join(folder, file), 'utf8');
  } catch (cause) {
    throw new UserError(
      `Cannot read the service account's ${file} in ${folder}. Give the pod a service account, and do not set automountServiceAccountToken to false.`,
      { cause },
    );
  }
}
