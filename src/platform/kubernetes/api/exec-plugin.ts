/**
 * Credentials from a program that the kubeconfig names, as client-go asks for them
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
 * Kept until the time that the program gave, or until the API server refuses them.
 */
import { execFile } from 'node:child_process';
import { z } from 'zod';
import { defined } from '../../../app/defined.ts';
import { OperationError, UserError } from '../../../app/failure.ts';
import type { Credentials, Environment } from './connection.ts';
import { keptFor } from './kept-for.ts';
import type { ExecEntry } from './kubeconfig-file.ts';

const VERSIONS: readonly string[] = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
];

/** How long a plugin may take; ms. It cannot ask the user anything. */
const PLUGIN_TIMEOUT = 60_000;
const LONGEST_OUTPUT = 1024 * 1024;
/** Credentials are replaced this long (ms) before they end, so that none ends on its way. */
const MARGIN = 10_000;

const ExecCredential = z.object({
  kind: z.literal('ExecCredential'),
  apiVersion: z.string(),
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
});

/** @throws UserError at once when the plugin's protocol is none that is spoken here */
export function pluginCredentials(
  exec: ExecEntry,
  env: Environment,
  now: () => number = Date.now,
): (fresh?: boolean) => Promise<Credentials> {
  if (!VERSIONS.includes(exec.apiVersion)) {
    throw new UserError(
      `The kubeconfig's plugin ${exec.command} wants ${exec.apiVersion}; supported are ${VERSIONS.join(' and ')}`,
    );
  }
  const ask = keptFor(
    ({ until }) => until - MARGIN,
    async () => readAnswer(exec, await run(exec, env)),
    now,
  );
  return async (fresh) => (await ask(fresh)).credentials;
}

function run(exec: ExecEntry, env: Environment): Promise<string> {
  const { apiVersion, command, args, installHint } = exec;
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
  const added = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  const options = {
    env: { ...env, ...added, KUBERNETES_EXEC_INFO: info },
    timeout: PLUGIN_TIMEOUT,
    killSignal: 'SIGKILL' as const,
    maxBuffer: LONGEST_OUTPUT,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(command, args ?? [], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') {
        const hint = installHint === undefined ? '' : ` ${installHint}`;
        reject(new UserError(`The kubeconfig's plugin ${command} is not installed.${hint}`));
      } else {
        // The error itself has the arguments, which can be secret.
        const why = error.killed === true ? 'it took too long' : stderr.trim().slice(-1_000);
        reject(new OperationError(`The kubeconfig's plugin ${command} gave no credentials: ${why}`));
      }
    });
    child.stdin?.end();
  });
}

function readAnswer(
  { command, apiVersion }: ExecEntry,
  text: string,
): { credentials: Credentials; until: number } {
  const result = ExecCredential.safeParse(parseJson(text));
  if (!result.success || result.data.apiVersion !== apiVersion) {
    throw new OperationError(
      `The kubeconfig's plugin ${command} did not print an ExecCredential of ${apiVersion}`,
    );
  }
  const {
    token,
    clientCertificateData: certificate,
    clientKeyData: key,
    expirationTimestamp,
  } = result.data.status;
  const until = expirationTimestamp === undefined ? Infinity : Date.parse(expirationTimestamp);
  return { credentials: defined({ token, certificate, key }), until: Number.isNaN(until) ? 0 : until };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says what was expected, without the output, which holds secrets
  }
}
