/** Runs Helm 3 and Helm 4 on the charts, without a cluster unless one is given. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { isMap, valueAt } from '../../src/app/raw-value.ts';

export const HELMS = ['helm3', 'helm4'] as const;

export type HelmVersion = (typeof HELMS)[number];

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a chart is rendered for when no cluster says. */
const KUBERNETES = '1.34.0';

/** The longest that one run may take, ms; a first one may build the programs. */
const HELM_TIMEOUT_MS = 120_000;
const PREPARE_TIMEOUT_MS = 1_800_000;

export interface HelmResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HelmRun {
  /** Plain values, given as a file. */
  readonly values?: unknown;
  readonly kubeconfig?: string;
}

/** Runs `helm ARGS` in the repository. */
export function helm(version: HelmVersion, args: readonly string[], run: HelmRun = {}): HelmResult {
  const values = run.values === undefined ? [] : ['--values', '-'];
  const { status, stdout, stderr } = spawnSync(program(version), [...args, ...values], {
    cwd: root,
    encoding: 'utf8',
    input: run.values === undefined ? '' : JSON.stringify(run.values),
    env: { ...process.env, KUBECONFIG: run.kubeconfig ?? '/dev/null' },
    timeout: HELM_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return { code: status, stdout, stderr };
}

/** The objects that a chart becomes, hooks included. @throws with Helm's words */
export function template(version: HelmVersion, chart: string, values: unknown): KubernetesObject[] {
  const args = [
    'template',
    'release',
    `charts/${chart}`,
    '--namespace=space',
    `--kube-version=${KUBERNETES}`,
  ];
  const { code, stdout, stderr } = helm(version, args, { values });
  if (code !== 0) throw new Error(stderr);
  return objectsIn(stdout);
}

/** The reason why a chart refuses values; empty if it takes them. */
export function refusal(version: HelmVersion, chart: string, values: unknown): string {
  const args = ['template', 'release', `charts/${chart}`, `--kube-version=${KUBERNETES}`];
  const { code, stderr } = helm(version, args, { values });
  return code === 0 ? '' : stderr;
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

export function objectsIn(yaml: string): KubernetesObject[] {
  const documents = parseAllDocuments(yaml);
  return [...documents].map((document) => document.toJS() as KubernetesObject).filter(isMap);
}

/** The template of the pods that an object has, or the pod itself. */
export function podIn(object: KubernetesObject): unknown {
  return object.kind === 'Pod' ? object['spec'] : valueAt(object, 'spec', 'template', 'spec');
}

/** A program of the test cluster's cache, which is filled first if it has to be. */
export function program(name: string): string {
  const cache =
    process.env['HOLDFAST_CLUSTER_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'holdfast', 'cluster');
  const path = join(cache, name);
  if (!existsSync(path))
    execFileSync(join(root, 'test/cluster/prepare'), { stdio: 'inherit', timeout: PREPARE_TIMEOUT_MS });
  return path;
}
