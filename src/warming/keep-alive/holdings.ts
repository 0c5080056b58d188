/** What a ping is made from: a real request, in memory for as long as consent and entry live. */
export interface HeldRequest {
  /** Path and query. */
  readonly path: string;
  /** Headers as JSON, the credential among them: bytes, so that they can be wiped. */
  readonly headers: Buffer;
  /** The request's body; a copy of our own. */
  readonly body: Buffer;
  /** Where in it the prefix ends, as a path to a block. */
  readonly blockPath: readonly (string | number)[];
}

/** Requests by the prefix that they can renew, within a limit of bytes. */
export interface Holdings {
  /** false where it is too large to be held. What was held longest goes where there is no room. */
  hold(key: string, scope: string, request: HeldRequest): boolean;
  find(key: string): HeldRequest | null;
  /** Overwrites what is held for a prefix. */
  wipe(key: string): void;
  /** The same for all prefixes of a scope; gives their keys. */
  wipeScope(scope: string): readonly string[];
  wipeAll(): void;
  readonly sizeBytes: number;
}

/** One request may take this share of the room. */
const SHARE_MAX = 1 / 4;

interface Held {
  readonly scope: string;
  readonly request: HeldRequest;
}

const sizeOf = ({ headers, body }: HeldRequest): number => headers.length + body.length;

function overwrite({ headers, body }: HeldRequest): void {
  headers.fill(0);
  body.fill(0);
}

/** @param onDropped told of prefixes whose request had to make room */
export function createHoldings(bytesMax: number, onDropped: (key: string) => void): Holdings {
  const held = new Map<string, Held>();
  let sizeBytes = 0;

  const wipe = (key: string): void => {
    const known = held.get(key);
    if (!known) return;
    held.delete(key);
    sizeBytes -= sizeOf(known.request);
    overwrite(known.request);
  };

  const makeRoom = (): void => {
    for (const key of held.keys()) {
      if (sizeBytes <= bytesMax) return;
      wipe(key);
      onDropped(key);
    }
  };

  return {
    hold(key, scope, request) {
      wipe(key);
      if (sizeOf(request) > bytesMax * SHARE_MAX) {
        overwrite(request);
        return false;
      }
      held.set(key, { scope, request });
      sizeBytes += sizeOf(request);
      makeRoom();
      return true;
    },
    find: (key) => held.get(key)?.request ?? null,
    wipe,
    wipeScope(scope) {
      const keys = [...held].filter(([, known]) => known.scope === scope).map(([key]) => key);
      for (const key of keys) wipe(key);
      return keys;
    },
    wipeAll() {
      for (const key of held.keys()) wipe(key);
    },
    get sizeBytes() {
      return sizeBytes;
    },
  };
}
