/** The steps of a round's plan, done to the running HAProxy. */
import type { HaproxyRouter } from '../../../routing/haproxy-router.ts';
import type { RouterFiles } from '../../../routing/router-files.ts';
import type { SharedPins } from '../../../routing/shared-pins.ts';
import { serverKey, type RouterStep } from './router-plan.ts';

/** How long requests in flight may go on at an instance that has gone; ms. */
const REMOVE_GRACE = 1_000;

export interface RouterChangesParts {
  readonly files: RouterFiles;
  readonly haproxy: HaproxyRouter;
  readonly pins: SharedPins;
  /** A server is out, or could not be taken out. */
  readonly onRemoved: () => void;
  readonly onError: (error: unknown, signal: AbortSignal) => void;
}

export class RouterChanges {
  readonly #parts: RouterChangesParts;
  readonly #leaving = new Set<string>();

  constructor(parts: RouterChangesParts) {
    this.#parts = parts;
  }

  /** Keys of the servers that are being taken out. */
  get leaving(): ReadonlySet<string> {
    return this.#leaving;
  }

  /** A reload is not among them: it is more than a change of what runs. */
  async apply(step: RouterStep, signal: AbortSignal): Promise<void> {
    const { files, haproxy, pins } = this.#parts;
    switch (step.kind) {
      case 'reload':
        return;
      case 'add':
        return haproxy.addServer(step.service, { ...step.server, stateful: step.stateful }, signal);
      case 'drain':
        return haproxy.drainServer(step.service, step.name, signal);
      case 'publish':
        await files.writeMap(step.table.service, step.table);
        return haproxy.publishTable(step.table, signal);
      case 'cut':
        return haproxy.cutRequests(step.service, step.name, signal);
      case 'free':
        return pins.free(step.service, step.ids, signal);
      case 'announce':
        return pins.announce(step.ids, signal);
      case 'hold':
        return pins.hold(step.service, step.ids, signal);
      case 'remove':
        return this.#remove(step, signal);
    }
  }

  /** In the background: others need not wait for the requests of one that has gone. */
  #remove({ service, name }: Extract<RouterStep, { kind: 'remove' }>, signal: AbortSignal): void {
    const { haproxy, onError, onRemoved } = this.#parts;
    const key = serverKey(service, name);
    this.#leaving.add(key);
    haproxy
      .removeServer(service, name, REMOVE_GRACE, signal)
      .catch((error: unknown) => onError(error, signal))
      .finally(() => {
        this.#leaving.delete(key);
        onRemoved();
      });
  }
}
