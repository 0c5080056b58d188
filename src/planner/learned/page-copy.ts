/** Words of a page, as a power of two: 1 KB. */
const PAGE_SHIFT = 8;
const PAGE_WORDS = 2 ** PAGE_SHIFT;

/** A copy of words as they are when it begins, made a piece at a time while they go on being written to. */
export class PageCopy {
  readonly #target: Int32Array;
  /** 1 for the pages that are there. */
  readonly #isCopied: Uint8Array;
  #next = 0;

  /** @param target as long as what is copied */
  constructor(target: Int32Array) {
    this.#target = target;
    this.#isCopied = new Uint8Array(Math.ceil(target.length / PAGE_WORDS));
  }

  /** A word is about to be written: what it was is copied first. Words that came later are no part of the copy. */
  keep(words: Int32Array, at: number): void {
    const page = at >> PAGE_SHIFT;
    if (this.#isCopied[page] === 0) this.#copy(words, page);
  }

  /** Copies the next pages, about so many words at most; true once all are there. */
  copySome(words: Int32Array, most: number): boolean {
    const pages = this.#isCopied.length;
    const end = Math.min(pages, this.#next + Math.ceil(most / PAGE_WORDS));
    for (; this.#next < end; this.#next += 1)
      if (this.#isCopied[this.#next] === 0) this.#copy(words, this.#next);
    return end === pages;
  }

  #copy(words: Int32Array, page: number): void {
    const from = page << PAGE_SHIFT;
    this.#isCopied[page] = 1;
    this.#target.set(words.subarray(from, Math.min(from + PAGE_WORDS, this.#target.length)), from);
  }
}
