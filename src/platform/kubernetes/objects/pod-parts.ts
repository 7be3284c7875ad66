/** The pieces that pods of every kind share. They pass the restricted Pod Security Standard. */
import type { Resources } from '../../../app/model.ts';

/** The user that Holdfast's own images run as, and the group that owns their volumes. */
export const HOLDFAST_USER = 10_001;

export const POD_SECURITY = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as const;

export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
} as const;

/** For containers of Holdfast's own, which write into volumes only. */
export const OWN_SECURITY = {
  ...CONTAINER_SECURITY,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: HOLDFAST_USER,
  runAsGroup: HOLDFAST_USER,
} as const;

/** What Holdfast's images are called on this cluster. */
export interface Images {
  readonly holdfast: string;
  readonly database: string;
  readonly pullPolicy: string;
}

/** Seconds that a pod stays on a node that does not answer before it is replaced elsewhere. */
export function tolerations(seconds: number): object[] {
  return ['not-ready', 'unreachable'].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: seconds,
  }));
}

/** Pods of one kind on different nodes where there are some; of each version by itself, so that a release spreads too. */
export function spread(labels: Record<string, string>): object[] {
  return [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
      matchLabelKeys: ['pod-template-hash'],
    },
  ];
}

/** Requests, and for memory a limit: a CPU that is free may be used. */
export function resources(wanted: Resources | undefined, usual: Required<Resources>): object {
  const { cpu = usual.cpu, memory = usual.memory } = wanted ?? {};
  return {
    requests: { cpu: milliCores(cpu), memory: binarySize(memory) },
    ...(wanted?.memory === undefined ? {} : { limits: { memory: binarySize(memory) } }),
  };
}

/** What a part of Holdfast itself needs, with a bound on its memory. */
export function ownResources(cpu: number, memory: number, limit: number): object {
  return {
    requests: { cpu: milliCores(cpu), memory: binarySize(memory) },
    limits: { memory: binarySize(limit) },
  };
}

/** The way in which the API server itself writes it: `250m`, `2`. @param cores in thousandths */
export function milliCores(cores: number): string {
  return cores % 1000 === 0 ? String(cores / 1000) : `${cores}m`;
}

/** The way in which the API server itself writes it: `256Mi`, `1Gi`. @param bytes a whole number */
export function binarySize(bytes: number): string {
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
  const scale = (value: number, unit: number): string =>
    value % 1024 === 0 && unit + 1 < units.length ? scale(value / 1024, unit + 1) : `${value}${units[unit]}`;
  return scale(bytes, 0);
}

/** Whole seconds, rounded up. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

export const httpProbe = (path: string, port: string | number): object => ({
  httpGet: { path, port, scheme: 'HTTP' },
});
