/** Headers of an answer that matter here. */
export interface ResponseFacts {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/**
 * One request's way, driven by whoever moves the bytes: send `bytes`, then report what comes back in the order
 * `responseStart`, `data` as often as it comes, and once `complete` or `fail`.
 */
export interface Exchange {
  readonly id: string;
  /** What to send upstream; the original once the plan was refused. Not for a body that is too long to be held. */
  readonly bytes: Buffer;
  /**
   * Resolves when the request should be sent, which is after another that is writing what this one would read; null: now.
   * Asked once, before `bytes`; whoever does not ask does not wait. After `fail` it resolves soon, and nothing is to be sent.
   */
  ready(): Promise<void> | null;
  /** `hold`: keep this (small) answer back and ask `judgeHeld` with its body. */
  responseStart(facts: ResponseFacts): 'pass' | 'hold';
  /** `resend`: the answer is about our markers; send `bytes`, which now is the original, once more. */
  judgeHeld(body: Uint8Array): 'pass' | 'resend';
  data(chunk: Uint8Array): void;
  complete(): void;
  /** The answer broke off, or never came. */
  fail(reason: string): void;
}
