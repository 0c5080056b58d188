/** What a request and its answer said, without what was taken out of it; kept for people to look at. */
export interface KeptBody {
  /** As its sender declared it. */
  readonly contentType: string;
  /** Bytes as they were sent, compressed ones where they were compressed. */
  readonly bytes: number;
  /** null where there is nothing to read: `problem` says why. */
  readonly text: string | null;
  /** Is something missing at the end of the text? */
  readonly isCut: boolean;
  /** Why there is no text; null where there is one. */
  readonly problem: string | null;
}

/** The bodies of one request. */
export interface KeptBodies {
  /** Of the record. */
  readonly id: string;
  /** When the request arrived, and when its bodies are removed, ms since 1970 UTC. */
  readonly atMs: number;
  readonly expiresMs: number;
  /** As the client sent it: without what was put in before it went out. */
  readonly request: KeptBody;
  /** null where none began, and where an answer was given that had been kept of another request. */
  readonly answer: (KeptBody & { readonly status: number }) | null;
}

/** Which bodies are to be removed. */
export type BodyChoice =
  | { readonly id: string }
  | { readonly scope: string }
  | { readonly tag: string }
  | { readonly all: true };

/** How keeping bodies goes; what hurts it never hurts a request. */
export interface BodiesHealth {
  /** Are bodies of new requests kept? */
  readonly isKeeping: boolean;
  /** Requests whose bodies wait to be stored. */
  readonly waiting: number;
  /** Requests whose bodies were not kept although they should have been. */
  readonly dropped: number;
  /** A sentence while bodies cannot be stored; null when all is well. */
  readonly problem: string | null;
}

/** What is known of a request when it comes. */
export interface SeenRequest {
  readonly id: string;
  readonly atMs: number;
  readonly scope: string;
  readonly tags: readonly string[];
  readonly contentType: string;
  readonly contentEncoding: string;
  /** null: it was too long to be held. */
  readonly body: Uint8Array | null;
}

/** What is known of an answer when it begins. */
export interface SeenAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/** Follows one request; nothing of it throws or waits. */
export interface BodyWatch {
  /** An answer begins; one that had begun before was not given to the client. */
  begin(answer: SeenAnswer): void;
  data(chunk: Uint8Array): void;
  /** The answer is over, whole or not. */
  end(): void;
}

/** Keeps bodies of requests, for some time. */
export interface Bodies {
  readonly isKeeping: boolean;
  watch(request: SeenRequest): BodyWatch;
  /** null: there are none of that request. */
  find(id: string): Promise<KeptBodies | null>;
  /** Resolves with the number of requests whose bodies are gone, those that wait included. */
  remove(choice: BodyChoice): Promise<number>;
  health(): BodiesHealth;
  /** Stores what waits. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A body as it was seen, before anything is taken out of it. */
export interface RawBody {
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Its first bytes, as many as are read. */
  readonly bytes: Uint8Array;
  /** All of its bytes. */
  readonly size: number;
  /** Why it was not read; null where it was. */
  readonly problem: string | null;
}

/** What is handed to the thread that stores it. */
export interface RawBodies {
  readonly id: string;
  readonly atMs: number;
  readonly scope: string;
  readonly tags: readonly string[];
  readonly request: RawBody;
  readonly answer: (RawBody & { readonly status: number }) | null;
}

/** Bytes of a body that are read: what is taken out of it may be most of it. */
export const READ_BYTES_MAX: number = 8 * 1024 * 1024;

/** What is kept at the most. */
export interface BodyLimits {
  /** Bytes of one body, after what was taken out of it. */
  readonly bodyBytes: number;
  /** Bytes of all of them as they are stored, which is compressed. */
  readonly allBytes: number;
  /** Requests. */
  readonly requests: number;
}
