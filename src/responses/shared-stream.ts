/**
 * Bytes that come once and are read by several, each from their beginning and at its own pace. They are fetched when the
 * foremost reader asks, so that an upstream is not read faster than anybody wants it.
 */
export class SharedStream {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #bytesMax: number;
  readonly #onEnd: (whole: Uint8Array | null) => void;
  /** From the beginning; dropped behind the readers once there are too many bytes to keep. */
  #chunks: (Uint8Array | null)[] = [];
  #size = 0;
  readonly #positions = new Map<symbol, number>();
  #pulling: Promise<void> | null = null;
  #end: { readonly error: unknown } | 'open' | 'complete' | 'left' = 'open';

  /**
   * @param onEnd called once, before any reader sees the end: with all bytes, or with null where they broke off, were
   *   too many, or nobody wanted them any more
   */
  constructor(
    source: AsyncIterator<Uint8Array>,
    bytesMax: number,
    onEnd: (whole: Uint8Array | null) => void,
  ) {
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#onEnd = onEnd;
  }

  /**
   * All bytes from the beginning.
   *
   * @param onLeave called once, when the reader has all of them, meets their failure, or goes
   */
  read(onLeave: () => void): AsyncIterableIterator<Uint8Array> {
    const id = Symbol('reader');
    this.#positions.set(id, 0);
    let isDone = false;
    const leave = (): void => {
      if (isDone) return;
      isDone = true;
      this.#positions.delete(id);
      onLeave();
    };
    const reader: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => reader,
      next: async () => {
        if (isDone) return { done: true, value: undefined };
        const chunk = await this.#next(id).catch((error: unknown) => {
          leave();
          throw error;
        });
        if (chunk) return { done: false, value: chunk };
        leave();
        return { done: true, value: undefined };
      },
      return: async () => {
        leave();
        return { done: true, value: undefined };
      },
    };
    return reader;
  }

  /** Nobody wants the rest. */
  abandon(): void {
    if (this.#end !== 'open') return;
    this.#finish('left');
    this.#source.return?.().catch(() => undefined);
  }

  async #next(id: symbol): Promise<Uint8Array | null> {
    const position = this.#positions.get(id) ?? 0;
    while (position >= this.#chunks.length) {
      if (this.#end === 'complete' || this.#end === 'left') return null;
      if (this.#end !== 'open') throw this.#end.error;
      this.#pulling ??= this.#pull();
      await this.#pulling;
    }
    this.#positions.set(id, position + 1);
    return this.#chunks[position] ?? null;
  }

  async #pull(): Promise<void> {
    try {
      const next = await this.#source.next();
      if (this.#end !== 'open') return;
      if (next.done === true) this.#finish('complete');
      else this.#hold(next.value);
    } catch (error) {
      if (this.#end === 'open') this.#finish({ error });
    } finally {
      this.#pulling = null;
    }
  }

  #hold(chunk: Uint8Array): void {
    const wasKept = this.#size <= this.#bytesMax;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size <= this.#bytesMax) return;
    if (wasKept) this.#onEnd(null);
    const passed = Math.min(...this.#positions.values());
    for (let index = passed - 1; index >= 0 && this.#chunks[index] !== null; index -= 1)
      this.#chunks[index] = null;
  }

  #finish(end: { readonly error: unknown } | 'complete' | 'left'): void {
    this.#end = end;
    if (this.#size > this.#bytesMax) return;
    this.#onEnd(end === 'complete' ? Buffer.concat(this.#chunks.filter((chunk) => chunk !== null)) : null);
  }
}
