/** Bytes collected from chunks. They are copied, so the chunks are free, and tiny chunks cost no more than their bytes. */
export interface ByteStore {
  append(bytes: Uint8Array): void;
  /** What was collected; valid until the next `append` or `clear`. */
  view(): Uint8Array;
  clear(): void;
}

const CAPACITY_BYTES_MIN = 1024;
const NOTHING = new Uint8Array(0);

/** Makes an empty store. It grows by doubling; `clear` gives the memory back. */
export function createByteStore(): ByteStore {
  let buffer = NOTHING;
  let length = 0;

  return {
    append(bytes) {
      const needed = length + bytes.length;
      if (needed > buffer.length) {
        // Where it is small, a piece of memory that is there already.
        const grown = Buffer.allocUnsafe(Math.max(CAPACITY_BYTES_MIN, needed, buffer.length * 2));
        grown.set(buffer.subarray(0, length));
        buffer = grown;
      }
      buffer.set(bytes, length);
      length = needed;
    },
    view: () => buffer.subarray(0, length),
    clear() {
      buffer = NOTHING;
      length = 0;
    },
  };
}
