/** How many users instances have, as far as the routers know. */
import type { App } from '../../../app/model.ts';
import { instanceCount } from '../../../scaling/instance-count.ts';
import type { InstanceObservation } from '../../observation.ts';
import type { RouterStates } from '../router-states.ts';

/** By instance. Routers are asked only where it matters: an instance leaves, or there are more than wanted. */
export async function observeUsers(
  instances: readonly InstanceObservation[],
  app: App,
  scale: Readonly<Record<string, number>>,
  routers: RouterStates,
): Promise<Record<string, number>> {
  const stateful = app.services.filter((service) => service.stateful !== undefined);
  const asked = stateful.flatMap((service) => {
    const own = instances.filter((instance) => instance.service === service.name);
    const staying = own.filter(({ state }) => state !== 'leaving' && state !== 'dead');
    const shrinks = staying.length > instanceCount(service, scale);
    return own.filter(({ state }) => state === 'leaving' || (shrinks && state === 'ready'));
  });
  const answers = asked.map(async ({ service, id }) => [id, await routers.users(service, id)] as const);
  const known = (await Promise.all(answers)).flatMap(([id, count]) =>
    count === undefined ? [] : [[id, count]],
  );
  return Object.fromEntries(known) as Record<string, number>;
}
