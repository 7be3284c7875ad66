/** Which instance serves a user: by the published owner table, and by what the routers know of sessions. */
import { UserError } from '../../../app/failure.ts';
import type { App } from '../../../app/model.ts';
import { explainKey, statefulServiceOf, type Explanation } from '../../../routing/explain.ts';
import { SLOTS_AT_A_TIME } from '../../../routing/hand-over/next-change.ts';
import { decodeStoredText, HISTORY_KEY, TABLE_KEY } from '../../../routing/published-structure.ts';
import { instanceState, pinState, TOKEN_HEADER } from '../../../routing/router-state.ts';
import { parseHistoryText } from '../../../routing/table-history.ts';
import type { KubeClient } from '../api/kube-client.ts';
import { isForbidden, parseObject, refusal } from '../api/kube-error.ts';
import { objectPath, RESOURCE_TYPES } from '../api/kube-object.ts';
import { namesOf, PORTS, selectorOf } from '../objects/names.ts';
import { conditionOf, type ConfigMap, type Pod, type Secret } from '../observe/kinds.ts';
import type { AppRef } from './app-access.ts';

export interface User {
  readonly key: string;
  /** Needed when more than one service keeps sessions. */
  readonly service: string | undefined;
  /** Instances that are added (`+1`) or removed (`-NAME`), if that is asked too. */
  readonly changes: readonly string[];
}

/** How long a router may take to answer; ms. */
const ROUTER_TIMEOUT = 5_000;

/** @throws UserError for a service that keeps no sessions */
export async function explainUser(
  client: KubeClient,
  ref: AppRef,
  app: App,
  { key, service, changes }: User,
): Promise<Explanation> {
  const name = statefulServiceOf(app, service);
  const owners = { namespace: ref.namespace, name: namesOf(ref.name).owners(name) };
  const data = (await client.get<ConfigMap>(RESOURCE_TYPES.ConfigMap, owners))?.data;
  const text = data?.[TABLE_KEY];
  if (text === undefined)
    throw new UserError(`${name} has no owners yet: none of its instances has been ready`);
  const table = decodeStoredText(text);
  const slotsAtATime = SLOTS_AT_A_TIME.cluster;
  const published = { history: parseHistoryText(data?.[HISTORY_KEY]), changes, slotsAtATime };
  try {
    const routers = await readyRouters(client, ref);
    const pin = await routers.pinOf(name, key);
    const users = changes.length === 0 ? {} : await routers.usersOf(name, table.owners);
    return explainKey(table, key, { ...published, pin, users });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const known = explainKey(table, key, published);
    const unknown =
      'whether a session keeps the user elsewhere is not known, as your rights do not allow to ask';
    return { ...known, reason: `${known.reason}; ${unknown} (${error.message})` };
  }
}

interface Routers {
  /** The instance that one of them has the user's session at. */
  pinOf(service: string, key: string): Promise<string | undefined>;
  /** Users with a session or a request, by instance, as the first one that knows says: they share what they know. */
  usersOf(service: string, instances: readonly string[]): Promise<Record<string, number>>;
}

/** Routers that are ready are asked through the API server: a user's own machine can't reach pods. */
async function readyRouters(client: KubeClient, { namespace, name }: AppRef): Promise<Routers> {
  const secret = await client.get<Secret>(RESOURCE_TYPES.Secret, { namespace, name: namesOf(name).internal });
  const token = Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString();
  const labelSelector = Object.entries(selectorOf(name, 'router'))
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
  const { items } = await client.list<Pod>(RESOURCE_TYPES.Pod, { namespace, labelSelector });
  const ready = items.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True');
  /** What the first router says of which `pick` makes something. */
  const first = async <T>(
    query: string,
    pick: (answer: unknown) => T | undefined,
  ): Promise<T | undefined> => {
    for (const { metadata } of ready) {
      const pod = `http:${metadata.name}:${PORTS.state}`;
      const path = `${objectPath(RESOURCE_TYPES.Pod, { namespace, name: pod }, 'proxy')}/${query}`;
      const options = { headers: { [TOKEN_HEADER]: token }, timeoutMs: ROUTER_TIMEOUT };
      const { status, body } = await client.raw('GET', path, options);
      if (status === 403) throw refusal('ask a router', status, body);
      const picked = status === 200 ? pick(parseObject(body.toString())) : undefined;
      if (picked !== undefined) return picked;
    }
    return undefined;
  };
  return {
    pinOf: (service, key) =>
      first(
        `pins/${encodeURIComponent(service)}?key=${encodeURIComponent(key)}`,
        (answer) => pinState.safeParse(answer).data?.instance ?? undefined,
      ),
    async usersOf(service, instances) {
      const found = instances.map(async (id): Promise<[string, number][]> => {
        const query = `instances/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
        const users = await first(query, (answer) => instanceState.safeParse(answer).data?.users);
        return users === undefined ? [] : [[id, users]];
      });
      return Object.fromEntries((await Promise.all(found)).flat());
    },
  };
}
