/** A byte that is searched for natively, and what the last search found; each byte of a body is searched once. */
export interface Lookahead {
  readonly byte: number;
  bytes: Uint8Array | null;
  from: number;
  at: number;
}

/** A search for one byte; nothing is found yet. */
export function lookFor(byte: number): Lookahead {
  return { byte, bytes: null, from: 0, at: 0 };
}

/** Forgets what was found: bytes are not kept for longer than they are read. */
export function forget(lookahead: Lookahead): void {
  lookahead.bytes = null;
}

/** Offset of the byte at or after `from`; the length where there is none. */
export function findAhead(lookahead: Lookahead, bytes: Uint8Array, from: number): number {
  const isKnown = lookahead.bytes === bytes && from >= lookahead.from && from <= lookahead.at;
  if (!isKnown) {
    const found = bytes.indexOf(lookahead.byte, from);
    lookahead.bytes = bytes;
    lookahead.from = from;
    lookahead.at = found < 0 ? bytes.length : found;
  }
  return lookahead.at;
}
