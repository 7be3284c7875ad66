/** Connections that stay open without holding a hand-over back: they are closed, and clients connect again. */
export class OpenStreams {
  readonly #bySlot = new Map<number, Set<() => void>>();

  /** @param close is called at most once; the function that is returned tells that it has ended by itself */
  add(slot: number, close: () => void): () => void {
    const streams = this.#bySlot.get(slot) ?? new Set();
    streams.add(close);
    this.#bySlot.set(slot, streams);
    return () => {
      streams.delete(close);
      if (streams.size === 0 && this.#bySlot.get(slot) === streams) this.#bySlot.delete(slot);
    };
  }

  close(slots: readonly number[]): void {
    for (const slot of slots) {
      const streams = this.#bySlot.get(slot);
      this.#bySlot.delete(slot);
      for (const close of streams ?? []) close();
    }
  }

  closeWhere(isAway: (slot: number) => boolean): void {
    this.close([...this.#bySlot.keys()].filter(isAway));
  }
}
