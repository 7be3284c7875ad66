/** Instances and routers from EndpointSlices (discovery.k8s.io/v1). Pure. */
import { isIPv6 } from 'node:net';
import type { KubeObject } from '../api/kube-object.ts';
import type { Endpoint, RouterPeer } from './router-view.ts';

/** Kubernetes' own label: the Service that a slice is about. */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export interface EndpointSlice extends KubeObject {
  readonly addressType: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
}

interface SliceEndpoint {
  readonly addresses: readonly string[];
  /** What is absent is unknown; `ready` and `serving` count as true then. */
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly targetRef?: { readonly name?: string; readonly uid?: string };
}

/** Which slices to read: of one Service, in the family of the router's own address. */
export interface SliceChoice {
  readonly service: string;
  /** The router pod's address. */
  readonly address: string;
}

/** The pods behind a Service at its port `http`, by name; one that is in two slices for a moment is told once. */
export function endpointsOf(slices: Iterable<EndpointSlice>, choice: SliceChoice): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of chosen(slices, choice)) {
    const port = slice.ports?.find(({ name }) => name === 'http')?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const read = readEndpoint(endpoint, port);
      if (read !== undefined && preferred(read, found.get(read.uid))) found.set(read.uid, read);
    }
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The routers behind their headless Service but for the one that asks, which is called `self`. */
export function peersOf(slices: Iterable<EndpointSlice>, choice: SliceChoice, self: string): RouterPeer[] {
  const found = new Map<string, RouterPeer>();
  for (const slice of chosen(slices, choice)) {
    for (const endpoint of slice.endpoints ?? []) {
      const { name, host, serving } = readPod(endpoint);
      if (name === self || host === choice.address || name === undefined || host === undefined) continue;
      found.set(name, { name, host, serving });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function* chosen(
  slices: Iterable<EndpointSlice>,
  { service, address }: SliceChoice,
): Iterable<EndpointSlice> {
  const family = isIPv6(address) ? 'IPv6' : 'IPv4';
  for (const slice of slices) {
    const about = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (about === service && slice.addressType === family) yield slice;
  }
}

function readEndpoint(endpoint: SliceEndpoint, port: number): Endpoint | undefined {
  const { name, uid, host, ...conditions } = readPod(endpoint);
  if (name === undefined || uid === undefined || host === undefined) return undefined;
  return { name, uid, host, port, ...conditions };
}

interface ReadPod extends Pick<Endpoint, 'ready' | 'serving' | 'terminating'> {
  readonly name: string | undefined;
  readonly uid: string | undefined;
  readonly host: string | undefined;
}

function readPod({ addresses, conditions, targetRef }: SliceEndpoint): ReadPod {
  const { ready = true, serving = ready, terminating = false } = conditions ?? {};
  return { name: targetRef?.name, uid: targetRef?.uid, host: addresses[0], ready, serving, terminating };
}

/** While a pod moves from one slice to another, the later news is that it ends or is ready. */
function preferred(next: Endpoint, known: Endpoint | undefined): boolean {
  if (known === undefined) return true;
  return next.terminating || (next.ready && !known.terminating);
}
