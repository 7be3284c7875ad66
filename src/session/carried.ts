/** What instances send each other about sessions, apart from how it is written down. */

/** A session on its way. */
export interface CarriedSession {
  readonly slot: number;
  readonly key: string;
  /** The value as JSON text. */
  readonly text: string;
  /** The version of the application's own format of the value. */
  readonly formatVersion: number;
  /** ms since its last use: clocks of two instances need not agree. */
  readonly unused: number;
}

export type CopyEntry =
  | { readonly type: 'session'; readonly term: number; readonly session: CarriedSession }
  | { readonly type: 'deleted'; readonly term: number; readonly slot: number; readonly key: string }
  /** What follows for these slots, up to `complete`, is everything that they have. */
  | { readonly type: 'whole' | 'complete'; readonly term: number; readonly slots: readonly number[] };

/** From an owner to a second owner. */
export interface Copy {
  /** Incarnation of the owner. */
  readonly from: string;
  /** Grows with every copy of this owner. */
  readonly sequence: number;
  /** The epoch of the table that the owner knows. */
  readonly epoch: number;
  readonly entries: readonly CopyEntry[];
}

export interface CopyAnswer {
  /** The epoch of the table that the second owner knows. */
  readonly epoch: number;
  /** Slots whose entries were not kept, with the term that the second owner knows; the same term: it lacks the whole. */
  readonly refused: ReadonlyMap<number, number>;
}

/** From an owner to the instance that is to have the slots under the table `epoch`, which is not published yet. */
export interface Import {
  readonly epoch: number;
  /** Incarnation of the owner. */
  readonly from: string;
  readonly slots: readonly number[];
  readonly sessions: readonly CarriedSession[];
}
