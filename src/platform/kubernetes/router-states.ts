/** Asks the routers of an application, over their state API. What can't be asked is not known: never an error. */
import { isIP } from 'node:net';
import type { z } from 'zod';
import { instanceState, routerState, TOKEN_HEADER, type RouterState } from '../../routing/router-state.ts';
import { namesOf, PORTS } from './objects/names.ts';
import { conditionOf, type Pod, type Secret } from './observe/kinds.ts';

/** How long one answer may take; ms. */
const TIMEOUT = 1_000;

export interface RouterStates {
  /** Users of an instance: pinned to it, or with a request in flight. The most that any router knows of. */
  users(service: string, instance: string): Promise<number | undefined>;
  /** By what one router works. */
  state(router: Pod): Promise<RouterState | undefined>;
}

/** @param pods those of the application; @param secret its Secret with the token */
export type AskRouters = (pods: readonly Pod[], secret: Secret | undefined) => RouterStates;

/** Over the network, at the routers' own addresses. */
export const routerStates: AskRouters = (pods, secret) => {
  const token = Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString();
  const ask = async <T>(pod: Pod, path: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    const address = pod.status?.podIP;
    if (address === undefined) return undefined;
    return question(`http://${bracketed(address)}:${PORTS.state}${path}`, token, schema);
  };
  const routers = pods.filter(isRouter);
  return {
    async users(service, instance) {
      const asked = routers.map((pod) => ask(pod, `/instances/${service}/${instance}`, instanceState));
      const counts = (await Promise.all(asked)).flatMap((answer) => answer?.users ?? []);
      return counts.length === 0 ? undefined : Math.max(...counts);
    },
    state: (router) => ask(router, '/state', routerState),
  };
};

/** The name of the Secret that holds the token. */
export function tokenSecret(app: string): string {
  return namesOf(app).internal;
}

function isRouter(pod: Pod): boolean {
  return (
    pod.metadata.labels?.['app.kubernetes.io/name'] === 'router' &&
    conditionOf(pod, 'Ready')?.status === 'True'
  );
}

async function question<T>(url: string, token: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    const response = await fetch(url, {
      headers: { [TOKEN_HEADER]: token },
      signal: AbortSignal.timeout(TIMEOUT),
    });
    return response.ok ? schema.parse(await response.json()) : undefined;
  } catch {
    // A router that is just starting, ending, cut off or of another version; the others know as much.
    return undefined;
  }
}

export function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}
