/** Bytes collected from chunks. They are copied, so the chunks are free, and tiny chunks cost no more than their bytes. */
export interface ByteStore {
  append(bytes: Uint8Array): void;
  /** What was collected; valid until the next `append` or `clear`. */
  view(): Uint8Array;
  clear(): void;
}

const CAPACITY_BYTES_MIN = 1024;

/** Makes an empty store. It grows by doubling; `clear` gives the memory back. */
export function createByteStore(): ByteStore {
  let buffer = new Uint8Array(0);
  let length = 0;

  return {
    append(bytes) {
      const needed = length + bytes.length;
      if (needed > buffer.length) {
        const grown = new Uint8Array(Math.max(CAPACITY_BYTES_MIN, needed, buffer.length * 2));
        grown.set(buffer.subarray(0, length));
        buffer = grown;
      }
      buffer.set(bytes, length);
      length = needed;
    },
    view: () => buffer.subarray(0, length),
    clear() {
      if (length > 0) buffer = new Uint8Array(0);
      length = 0;
    },
  };
}
