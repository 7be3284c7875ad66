/** What may happen to controllers and their cluster while they work, as data that fast-check can shrink. */
import * as fc from 'fast-check';
import type { Kind } from '../../src/platform/kubernetes/cluster-view.ts';
import { KINDS } from './simulated-controller.ts';
import { APP, type Release, type Simulation } from './simulation.ts';

export type Disturbance =
  /** A round of a controller that has heard of some kinds only, and may die after so many writes. */
  | {
      readonly act: 'round';
      readonly who: number;
      readonly hears: readonly Kind[];
      readonly dieAfter?: number;
    }
  /** A round that stands still before a write, until it is thawed. */
  | { readonly act: 'freeze'; readonly who: number; readonly atWrite: number }
  | { readonly act: 'thaw'; readonly who: number }
  | { readonly act: 'tick' }
  | { readonly act: 'release'; readonly release: Release }
  /** Somebody deletes an object. */
  | { readonly act: 'lose'; readonly kind: string; readonly name: string };

const who = fc.nat({ max: 1 });
const hears = fc.oneof(
  { weight: 3, arbitrary: fc.constant(KINDS) },
  { weight: 2, arbitrary: fc.subarray([...KINDS]) },
);
const round = fc
  .record({ who, hears, dieAfter: fc.option(fc.integer({ min: 1, max: 6 }), { nil: 0 }) })
  .map(({ dieAfter, ...rest }): Disturbance => ({
    act: 'round',
    ...rest,
    ...(dieAfter === 0 ? {} : { dieAfter }),
  }));
const losses = [
  ['Deployment', `${APP}-login`],
  ['Service', `${APP}-pages`],
  ['ConfigMap', `${APP}-login-owners`],
  ['ConfigMap', `${APP}-routing`],
  ['PodDisruptionBudget', `${APP}-login`],
  ['HorizontalPodAutoscaler', `${APP}-pages`],
] as const;

export const release: fc.Arbitrary<Release> = fc.record({
  number: fc.integer({ min: 1, max: 4 }),
  kind: fc.constantFrom('good', 'good', 'never-ready', 'fails'),
  files: fc.integer({ min: 1, max: 3 }),
  more: fc.boolean(),
});

export const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  { weight: 6, arbitrary: round },
  { weight: 4, arbitrary: fc.constant<Disturbance>({ act: 'tick' }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant('freeze' as const), who, atWrite: fc.nat({ max: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('thaw' as const), who }) },
  { weight: 2, arbitrary: release.map((next): Disturbance => ({ act: 'release', release: next })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...losses).map(([kind, name]): Disturbance => ({ act: 'lose', kind, name })),
  },
);

interface Frozen {
  readonly thaw: () => void;
  readonly ended: Promise<void>;
}

/** Lets all of it happen, one after the other; at the end nobody is frozen. */
export async function disturb(simulation: Simulation, disturbances: readonly Disturbance[]): Promise<void> {
  const frozen = new Map<number, Frozen>();
  const thaw = async (who: number): Promise<void> => {
    frozen.get(who)?.thaw();
    await frozen.get(who)?.ended;
    frozen.delete(who);
    simulation.check();
  };
  for (const disturbance of disturbances) {
    if (disturbance.act === 'thaw') await thaw(disturbance.who);
    else if (disturbance.act === 'freeze') await freeze(simulation, disturbance, frozen);
    else if (disturbance.act !== 'round' || !frozen.has(disturbance.who))
      await happen(simulation, disturbance);
    simulation.check();
  }
  for (const who of frozen.keys()) await thaw(who);
}

async function freeze(
  simulation: Simulation,
  { who, atWrite }: { readonly who: number; readonly atWrite: number },
  frozen: Map<number, Frozen>,
): Promise<void> {
  const controller = simulation.controllers[who];
  if (controller === undefined || frozen.has(who)) return;
  controller.catchUp();
  const stands = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const ended = controller.round({
    beforeWrite: (n) => {
      if (n !== atWrite) return undefined;
      stands.resolve();
      return gate.promise;
    },
  });
  await Promise.race([ended, stands.promise]);
  frozen.set(who, { thaw: gate.resolve, ended });
}

async function happen(simulation: Simulation, disturbance: Disturbance): Promise<void> {
  switch (disturbance.act) {
    case 'round': {
      const { who, hears, dieAfter } = disturbance;
      const controller = simulation.controllers[who];
      controller?.catchUp(hears);
      return controller?.round(dieAfter === undefined ? {} : { dieAfter });
    }
    case 'tick':
      return simulation.tick();
    case 'release':
      return simulation.release(disturbance.release);
    case 'lose':
      return simulation.lose(disturbance.kind, disturbance.name);
    case 'freeze':
    case 'thaw':
      return undefined;
  }
}
