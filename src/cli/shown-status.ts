import type { Status } from '../controller/status.ts';

/** A status and, on a cluster, what stands in the way of everything and has to be mended by somebody. */
export interface ShownStatus extends Status {
  readonly problem?: string;
}
