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

/** What is asked for, wherever it stands: in a `Request`, or in the arguments, which go before it. */
interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null;
}

function asked(input: Parameters<Fetch>[0], init: Init): Asked {
  const base = input instanceof Request ? input : null;
  return {
    url: input instanceof Request ? input.url : String(input),
    method: (init.method ?? base?.method ?? 'GET').toUpperCase(),
    headers: new Headers(init.headers ?? base?.headers),
    signal: init.signal ?? base?.signal ?? null,
  };
}

/** The body where it can be read without being used up; null where it cannot. */
async function readableBody(
  input: Parameters<Fetch>[0],
  { body }: Init,
): Promise<string | Uint8Array<ArrayBuffer> | null> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  const isInRequest = (body ?? null) === null && input instanceof Request && input.body !== null;
  return isInRequest ? new Uint8Array(await input.clone().arrayBuffer()) : null;
}

/**
 * A `fetch` that asks a cache first: for the official SDK and whatever else takes a `fetch` of one's own, by address or with
 * a `Request`. Requests for anything but messages, and bodies that are neither text nor bytes nor those of a `Request`, pass
 * as they are.
 *
 * @example new Anthropic({ fetch: cachedFetch(responseCache({ ttlMs: 60_000 })) })
 */
export function cachedFetch(cache: ResponseCache, options: CachedFetchOptions = {}): Fetch {
  const { fetch: own, ...facts } = options;
  // Looked up at each call, so that a replaced global counts.
  const below: Fetch = own ?? ((input, init) => fetch(input, init));
  return async (input, init: Init = {}) => {
    const { url, method, headers: given, signal: leaving } = asked(input, init);
    const body = isMessages(url, method) ? await readableBody(input, init) : null;
    if (body === null) return below(input, init);
    const { origin, pathname, search } = new URL(url);
    const call: MessageCall = {
      ...facts,
      body,
      headers: Object.fromEntries(given),
      // Two upstreams may answer one request differently.
      target: `${origin}${pathname}${search}`,
      ...(leaving ? { signal: leaving } : {}),
    };
    const answer = await cache.answer(call, async (_body, headers, signal) =>
      toUpstreamAnswer(await below(input, { ...init, method, body, headers, signal })),
    );
    return toResponse(answer);
  };
}
