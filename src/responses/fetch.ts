import type { CachedAnswer } from './cached-answer.ts';
import type { ResponseCache } from './response-cache.ts';
import type { UpstreamAnswer } from './flight.ts';
import type { MessageCall } from './request.ts';

type Fetch = typeof fetch;
type Init = NonNullable<Parameters<Fetch>[1]>;

/** What a `fetch` through a cache may say of each request. */
export interface CachedFetchOptions extends Pick<MessageCall, 'scope' | 'tags' | 'contents' | 'ttlMs'> {
  /** What sends the requests. @default the global `fetch` */
  readonly fetch?: Fetch;
}

/** Headers of an answer that are not true of its decoded bytes. */
const ENCODING_HEADERS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'transfer-encoding',
]);

async function* readBody(response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  let isDone = false;
  try {
    for (;;) {
      const next = await reader.read();
      isDone = next.done;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!isDone) await reader.cancel().catch(() => undefined);
  }
}

function toUpstreamAnswer(response: Response): UpstreamAnswer {
  const headers = [...response.headers].filter(([name]) => !ENCODING_HEADERS.has(name));
  return { status: response.status, headers: Object.fromEntries(headers), body: readBody(response) };
}

/** Statuses whose answers have no body, which `Response` insists on. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

function toResponse({ status, headers, body }: CachedAnswer): Response {
  const source = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await source.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await source.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(BODILESS.has(status) ? null : stream, { status, headers });
}

function isMessages(url: string, method: string): boolean {
  return method === 'POST' && URL.canParse(url) && new URL(url).pathname.endsWith('/v1/messages');
}

/**
 * A `fetch` that asks a cache first: for the official SDK and whatever else takes a `fetch` of one's own. Requests for
 * anything but messages, and bodies that are not text or bytes, pass as they are.
 *
 * @example new Anthropic({ fetch: cachedFetch(responseCache({ ttlMs: 60_000 })) })
 */
export function cachedFetch(cache: ResponseCache, options: CachedFetchOptions = {}): Fetch {
  const { fetch: given, ...facts } = options;
  // Looked up at each call, so that a replaced global counts.
  const below: Fetch = given ?? ((input, init) => fetch(input, init));
  return async (input, init: Init = {}) => {
    const { body } = init;
    const isBytes = typeof body === 'string' || body instanceof Uint8Array;
    const url = input instanceof Request ? '' : String(input);
    if (!isBytes || !isMessages(url, init.method ?? 'GET')) return below(input, init);
    const { origin, pathname, search } = new URL(url);
    const call: MessageCall = {
      ...facts,
      body,
      headers: Object.fromEntries(new Headers(init.headers)),
      // Two upstreams may answer one request differently.
      target: `${origin}${pathname}${search}`,
      ...(init.signal ? { signal: init.signal } : {}),
    };
    const answer = await cache.answer(call, async (_body, headers, signal) =>
      toUpstreamAnswer(await below(input, { ...init, headers, signal })),
    );
    return toResponse(answer);
  };
}
