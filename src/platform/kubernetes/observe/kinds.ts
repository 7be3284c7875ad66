/** What is read of the objects that the API server keeps. */
import type { KubeObject } from '../api/kube-object.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export interface AppObject extends KubeObject {
  /** `holdfast.yaml` as data. */
  readonly spec: unknown;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly message?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly startupProbe?: {
    readonly periodSeconds?: number;
    readonly failureThreshold?: number;
    readonly terminationGracePeriodSeconds?: number;
  };
}

export interface Pod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly containers?: readonly ContainerSpec[];
    readonly volumes?: readonly { readonly persistentVolumeClaim?: { readonly claimName: string } }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly podIP?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface Deployment extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface HorizontalPodAutoscaler extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Job extends KubeObject {
  readonly status?: {
    readonly active?: number;
    readonly failed?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Node extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec?: {
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
  readonly status?: { readonly phase?: string };
}

export function conditionOf(
  object: { readonly status?: { readonly conditions?: readonly Condition[] } },
  type: string,
): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether a condition is there and holds. */
export function holds(object: Parameters<typeof conditionOf>[0], type: string): boolean {
  return conditionOf(object, type)?.status === 'True';
}

/** The node of a pod does not answer: what runs there may still run. */
export function isOnSilentNode(pod: Pod, silent: ReadonlySet<string>): boolean {
  return pod.spec.nodeName !== undefined && silent.has(pod.spec.nodeName);
}

/** Milliseconds since the epoch; undefined stays so. */
export function time(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

/** The nodes that do not answer: what runs there may still run. */
export function silentNodes(nodes: readonly Node[]): ReadonlySet<string> {
  return new Set(
    nodes.filter((node) => conditionOf(node, 'Ready')?.status !== 'True').map((n) => n.metadata.name),
  );
}
