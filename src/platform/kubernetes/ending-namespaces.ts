/**
 * While a namespace is being removed its objects vanish one after the other, and none can be made again:
 * what is told of them is passed over, so that nobody tries with every one of them.
 */
import { isNamespaceEnding } from './api/kube-error.ts';

/** How soon it is looked again; ms. */
const REST = 10_000;

export interface EndingNamespacesOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Hears once of each application that is left alone. */
  readonly tell: (app: string) => void;
}

/** An application: the `namespace/name` of its App and its UID, which is undefined when there is none. */
export interface KnownApp {
  readonly key: string;
  readonly uid: string | undefined;
}

export class EndingNamespaces {
  readonly #options: EndingNamespacesOptions;
  /** By key: which application, and until when it is left alone. */
  readonly #resting = new Map<string, { readonly uid: string; readonly until: number }>();

  constructor(options: EndingNamespacesOptions) {
    this.#options = options;
  }

  /** Looks at an application if it is not left alone. @returns what `look` does: when to look again, in ms */
  async look({ key, uid }: KnownApp, look: () => Promise<number | undefined>): Promise<number | undefined> {
    const { now, tell } = this.#options;
    const resting = this.#resting.get(key);
    const isKnown = resting !== undefined && resting.uid === uid;
    if (isKnown && resting.until > now()) return resting.until - now();
    this.#resting.delete(key);
    try {
      return await look();
    } catch (error) {
      if (uid === undefined || !isNamespaceEnding(error)) throw error;
      if (!isKnown) tell(key);
      this.#resting.set(key, { uid, until: now() + REST });
      return REST;
    }
  }
}
