/**
 * Which routers are known to work by what is published. One is asked until it does, and again only when it
 * is another one or has to work by something else: at rest nobody is asked.
 */
import { restartDelay, type Backoff } from '../../scaling/backoff.ts';
import type { RouterState } from '../../routing/router-state.ts';
import { digest } from './objects/manifest.ts';
import { conditionOf, type Pod } from './observe/kinds.ts';
import { routingLack, type ExpectedRouting } from './observe/routing-lack.ts';

/** Before routers are asked once more: a table is in force within a few tenths of a second; ms. */
const QUICK = 150;
/** How often that is done; then pauses grow. */
const QUICK_TIMES = 40;
const SLOW: Backoff = { first: 300, most: 5_000 };

interface Known {
  /** What each router is known to work by, by its life. */
  readonly confirmed: ReadonlyMap<string, string>;
  /** How often in a row some router lacked something. */
  readonly asked: number;
}

export interface RouterQuestion {
  /** `namespace/name` of the App. */
  readonly app: string;
  /** Those that users are sent to. */
  readonly routers: readonly Pod[];
  readonly expected: ExpectedRouting;
  readonly ask: (router: Pod) => Promise<RouterState | undefined>;
}

export class ConfirmedRouters {
  readonly #known = new Map<string, Known>();

  /** What routers lack, a sentence each; none when all work as expected. */
  async lacks({ app, routers, expected, ask }: RouterQuestion): Promise<string[]> {
    const before = this.#known.get(app);
    const wanted = digest(expected);
    const found = await Promise.all(
      routers.map(async (router) => {
        const life = lifeOf(router);
        if (before?.confirmed.get(life) === wanted) return { life };
        return { life, router, lack: routingLack(await ask(router), expected) };
      }),
    );
    const lacks = found.flatMap(({ router, lack }) =>
      lack === undefined ? [] : [`${router.metadata.name} ${lack}`],
    );
    const confirmed = found
      .filter(({ lack }) => lack === undefined)
      .map(({ life }) => [life, wanted] as const);
    this.#known.set(app, {
      confirmed: new Map(confirmed),
      asked: lacks.length === 0 ? 0 : (before?.asked ?? 0) + 1,
    });
    return lacks;
  }

  /** How long to wait before routers that lack something are asked again; ms. */
  pause(app: string): number {
    const { asked = 0 } = this.#known.get(app) ?? {};
    return asked <= QUICK_TIMES ? QUICK : restartDelay(asked - QUICK_TIMES, SLOW);
  }

  /** The application is gone. */
  forget(app: string): void {
    this.#known.delete(app);
  }
}

/** A router whose container was started again, or that was not ready in between, may have to learn everything anew. */
function lifeOf(router: Pod): string {
  const { uid = '' } = router.metadata;
  const restarts = (router.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return digest([uid, restarts, conditionOf(router, 'Ready')?.lastTransitionTime ?? '']);
}
