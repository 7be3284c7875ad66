import type { App } from '../../../app/model.ts';
import type { KubeClient } from '../api/kube-client.ts';

export interface ClusterFinding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do about it, as a command where there is one. */
  readonly remedy?: string;
}

export interface CheckInput {
  readonly client: KubeClient;
  readonly namespace: string;
  /** What is to be deployed, if there is a file. */
  readonly app: App | undefined;
}
