import { createDoor, type CachewrightOptions, type Door } from './door.ts';
import { sendThrough, type Changes } from './passage.ts';

/** What the SDK hands to a middleware, as far as it matters here. */
export interface SdkRequest {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers: Headers;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
}

/** A middleware of `@anthropic-ai/sdk`, and what it tells of the requests that went through it. */
export interface CachewrightMiddleware extends Door {
  <SomeRequest extends SdkRequest>(
    request: SomeRequest,
    next: (request: SomeRequest) => Promise<Response>,
  ): Promise<Response>;
}

function changed<SomeRequest extends SdkRequest>(
  request: SomeRequest,
  { headers, body }: Changes,
): SomeRequest {
  if (headers === null && body === null) return request;
  return { ...request, ...(headers && { headers }), ...(body !== null && { body }) };
}

/**
 * Caching for the official SDK: puts `cache_control` into `messages.create`, `stream`, `parse` and `toolRunner` requests
 * where it pays, reads the bill beside the answer, and leaves everything else alone. Markers of your own stay; where
 * anything of ours fails, the original request goes out.
 *
 * One instance per client, or one for several that share a ledger. Place it last among middlewares that change the body.
 *
 * @example
 * const caching = cachewright();
 * const client = new Anthropic({ middleware: [caching] });
 * await client.messages.create(body);
 * caching.summary().savedUsd.noCaching;
 * @throws RangeError when `mode` is no mode.
 */
export function cachewright(options: CachewrightOptions = {}): CachewrightMiddleware {
  const { door, work } = createDoor(options);
  const middleware = <SomeRequest extends SdkRequest>(
    request: SomeRequest,
    next: (request: SomeRequest) => Promise<Response>,
  ): Promise<Response> => {
    const { method = 'GET', url, headers, body, signal = null } = request;
    return sendThrough(work, {
      method,
      url,
      headers,
      body,
      signal,
      send: (changes) => next(changed(request, changes)),
    });
  };
  return Object.assign(middleware, door);
}
