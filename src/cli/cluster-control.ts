/**
 * An application on a cluster, asked and changed as one on a machine is: its App tells how it is, and
 * carries what is asked for. While the API server does not answer, what was last known stays.
 */
import { UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import { appFromData } from '../app/parse.ts';
import type { UserQuestion } from '../controller/control-server.ts';
import type { Explanation } from '../routing/explain.ts';
import { KubeUnreachable } from '../platform/kubernetes/api/kube-error.ts';
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { changeApp, readApp } from '../platform/kubernetes/verbs/app-access.ts';
import { explainUser } from '../platform/kubernetes/verbs/explain-user.ts';
import { appCondition } from '../platform/kubernetes/verbs/readiness.ts';
import { retryMigrations } from '../platform/kubernetes/verbs/retry-migrations.ts';
import { restartAnnotations, scaleAnnotations } from '../platform/kubernetes/verbs/wishes.ts';
import { clusterPlaceOf, type ClusterPlace } from './cluster-place.ts';
import { statusOfApp, withAsked, type Asked } from './cluster-status.ts';
import type { ControlClient } from './control-client.ts';
import type { ShownStatus } from './shown-status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** How often an App is read while it is followed; ms. */
const PACE = 400;

export async function clusterControl(options: CommonOptions, context: VerbContext): Promise<ClusterControl> {
  return new ClusterControl(await clusterPlaceOf(options, context));
}

export class ClusterControl implements ControlClient {
  readonly pace = PACE;
  readonly #place: ClusterPlace;
  #asked: Asked = {};
  #last: { readonly object: AppObject; readonly status: ShownStatus } | undefined;

  constructor(place: ClusterPlace) {
    this.#place = place;
  }

  async get(path: string): Promise<unknown> {
    const { pathname, searchParams } = new URL(path, 'http://cluster');
    if (pathname === '/status') return (await this.look()).status;
    if (pathname === '/explain')
      return this.#explain({
        key: searchParams.get('key') ?? '',
        service: searchParams.get('service') ?? undefined,
        changes: searchParams.getAll('if'),
      });
    throw new TypeError(`a cluster is not asked for ${pathname}`);
  }

  async post(path: string, body: unknown): Promise<ShownStatus> {
    switch (path) {
      case '/scale':
        await this.#scale((body as { counts: Readonly<Record<string, number>> }).counts);
        break;
      case '/restart':
        await this.#restart((body as { service: string }).service);
        break;
      case '/migrate':
        await this.#migrate();
        break;
      default:
        throw new TypeError(`a cluster is not asked for ${path}`);
    }
    return (await this.look()).status;
  }

  /** How the application is, and the generation of its App that this is about. */
  async look(): Promise<{ status: ShownStatus; generation: number }> {
    const { object, status } = await this.#read();
    return { status, generation: Number(object.status?.['observedGeneration'] ?? 0) };
  }

  async #read(): Promise<{ object: AppObject; status: ShownStatus }> {
    const { client, ref } = this.#place;
    try {
      const object = await readApp(client, ref);
      this.#last = { object, status: withAsked(statusOfApp(object), object, this.#asked) };
      return this.#last;
    } catch (error) {
      if (!(error instanceof KubeUnreachable) || this.#last === undefined) throw error;
      const { object, status } = this.#last;
      const waiting = [...status.waiting, { part: 'cluster', reason: error.message }];
      return { object, status: { ...status, state: 'changing', waiting } };
    }
  }

  async #scale(counts: Readonly<Record<string, number>>): Promise<void> {
    const { client, ref } = this.#place;
    await changeApp(client, ref, (object) => ({
      annotations: scaleAnnotations(object, changeable(object), counts),
    }));
    this.#asked = { ...this.#asked, counts };
  }

  async #restart(service: string): Promise<void> {
    const { client, ref } = this.#place;
    const before = await changeApp(client, ref, (object) => ({
      annotations: restartAnnotations(object, changeable(object), service),
    }));
    const found = statusOfApp(before).services.find(({ name }) => name === service);
    this.#asked = { replaced: { [service]: found?.instances.map(({ id }) => id) ?? [] } };
  }

  async #migrate(): Promise<void> {
    const { client, ref } = this.#place;
    const { object } = await this.#read();
    changeable(object);
    const failed = await retryMigrations(client, ref);
    const heldSince = appCondition(object, 'Stalled')?.lastTransitionTime;
    if (failed > 0 && heldSince !== undefined) this.#asked = { heldSince };
  }

  async #explain(question: UserQuestion): Promise<Explanation> {
    const { client, ref } = this.#place;
    const object = await readApp(client, ref);
    return explainUser(client, ref, appFromData(object.spec), question);
  }
}

function changeable({ metadata, spec }: AppObject): App {
  const app = appFromData(spec);
  if (!app.paused) return app;
  throw new UserError(
    `${metadata.name} is paused, so nothing of it is changed; take \`paused\` out of the file, then: holdfast deploy`,
  );
}
