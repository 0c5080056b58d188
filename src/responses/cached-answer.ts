import type { Send } from './flight.ts';
import type { Served } from './options.ts';
import type { BypassReason } from './request.ts';
import type { HeaderMap } from './scope.ts';

/** An answer as it is given. */
export interface CachedAnswer {
  readonly status: number;
  /** Those of the upstream, or those kept with the answer, with `cache-status`; names in lower case. */
  readonly headers: HeaderMap;
  /** To be read to its end or let go (`return`), so that an upstream nobody listens to is not kept busy. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The whole body, where it is there already: whoever sends it at once need not read `body`. */
  readonly whole: Uint8Array | null;
  readonly served: Served;
  /** The same once the body is over, with what is known only then: whether it was kept, what a shared answer saved. */
  settled(): Served;
}

/** A request that was read. */
export type PreparedCall =
  | { readonly kind: 'bypass'; readonly reason: BypassReason; readonly cacheStatus: string }
  | {
      readonly kind: 'eligible';
      /** Mostly the same object for calls of the same bytes, target and headers; never the same for others. */
      readonly identity: object;
      answer(send: Send): Promise<CachedAnswer>;
      /** The answer that memory holds and that is fresh, where it can be given at once; null: `answer` has to be asked. */
      take(): TakenAnswer | null;
      /** The same, from the second level too, which is asked within the time that a request may wait; for use after `take`. */
      look(): Promise<TakenAnswer | null>;
    };

/** An answer that was given at once: whole, of status 200. */
export interface TakenAnswer {
  /** As of a `CachedAnswer`, names and values in turn, with `content-length`; not to be changed. */
  readonly headers: readonly string[];
  readonly whole: Uint8Array;
  readonly served: Served;
}
