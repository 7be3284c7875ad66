/** The sessions of all applications of a cluster, as long as this controller leads. */
import { AppSessions } from './app-sessions.ts';

/** How often instances are listened to between rounds; ms. */
const PULSE_MS = 300;

export interface ClusterSessionsParts {
  /** A round of an application, by its `namespace/name`, is due. */
  readonly wake: (app: string) => void;
  readonly mayAct: () => boolean;
  readonly onError: (app: string, error: unknown) => void;
}

export class ClusterSessions {
  readonly #parts: ClusterSessionsParts;
  readonly #apps = new Map<string, AppSessions>();

  constructor(parts: ClusterSessionsParts) {
    this.#parts = parts;
  }

  /** Listens until the signal is aborted. */
  start(signal: AbortSignal): void {
    const timer = setInterval(() => {
      for (const app of this.#apps.values()) void app.pulse();
    }, PULSE_MS);
    const end = (): void => {
      clearInterval(timer);
      for (const app of this.#apps.keys()) this.forget(app);
    };
    signal.addEventListener('abort', end, { once: true });
  }

  /** @param app `namespace/name` */
  of(app: string): AppSessions {
    const { wake, mayAct, onError } = this.#parts;
    const known = this.#apps.get(app);
    if (known !== undefined) return known;
    const sessions = new AppSessions({
      wake: () => wake(app),
      mayAct,
      onError: (error) => onError(app, error),
    });
    this.#apps.set(app, sessions);
    return sessions;
  }

  /** The application is gone. */
  forget(app: string): void {
    this.#apps.get(app)?.close();
    this.#apps.delete(app);
  }
}
