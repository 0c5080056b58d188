import type { AnswerFacts, NotKept } from './judge-answer.ts';
import type { Found } from './levels.ts';
import type { AnswerForm } from './request.ts';
import type { HeaderMap } from './scope.ts';
import type { SharedStream } from './shared-stream.ts';

/** What an upstream answers. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded: an answer is kept and given as plain bytes. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Told once, at its end or before: why it is not kept; null when it is. */
  readonly onJudged?: (notKept: NotKept | 'passed-on' | null) => void;
}

/** Sends a request to the upstream. */
export type Send = (
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<UpstreamAnswer>;

/** What became of a flight. */
export type Outcome =
  | { readonly kind: 'found'; readonly found: Found }
  | {
      readonly kind: 'live';
      readonly status: number;
      readonly headers: HeaderMap;
      readonly form: AnswerForm | null;
      readonly stream: SharedStream;
      /** Another process has fetched it. */
      readonly isHanded: boolean;
    };

/** The one way to an answer that all callers with one key at one time go together. */
export class Flight {
  readonly outcome: Promise<Outcome>;
  /** Whether its answer was kept; null before its end. */
  isStored: boolean | null = null;
  /** What its answer said of itself; null before its end, and where it is no whole message. */
  facts: AnswerFacts | null = null;
  /** Made once somebody asks for the signal. */
  #controller: AbortController | null = null;
  readonly #onEmpty: () => void;
  #users = 0;
  #hasEnded = false;
  #live: SharedStream | null = null;

  /** @param onEmpty called when nobody is left who wants the answer */
  constructor(start: (flight: Flight) => Promise<Outcome>, onEmpty: () => void) {
    this.#onEmpty = onEmpty;
    this.outcome = start(this).then((outcome) => {
      if (outcome.kind === 'live') this.#live = outcome.stream;
      if (this.#users === 0) this.#live?.abandon();
      return outcome;
    });
    // Whoever waits is told; that nobody waits any more is no failure.
    this.outcome.catch(() => undefined);
  }

  /** Ends when nobody is left. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#hasEnded) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Takes part; the result is to be called once, when it is over for this caller. */
  join(): () => void {
    this.#users += 1;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#users -= 1;
      if (this.#users === 0) this.#end();
    };
  }

  #end(): void {
    this.#onEmpty();
    this.#live?.abandon();
    this.#hasEnded = true;
    this.#controller?.abort();
  }
}
