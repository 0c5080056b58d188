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
    };
