import { createDoor, type CachewrightOptions, type Door } from './door.ts';
import { isMessageCall, sendThrough, type Changes } from './passage.ts';

type Fetch = typeof fetch;
type Init = NonNullable<Parameters<Fetch>[1]>;

/** What `cachewrightFetch` takes; every member has a default. */
export type CachewrightFetchOptions = CachewrightOptions & {
  /** What sends the requests. @default the global `fetch` */
  readonly fetch?: Fetch;
};

/** A `fetch`, and what it tells of the requests that went through it. */
export type CachewrightFetch = Fetch & Door;

function changedInit(init: Init, { headers, body }: Changes): Init {
  return { ...init, ...(headers && { headers }), ...(body !== null && { body }) };
}

/** Takes the body out of a `Request`, which can be read only once, so that it can be sent, and sent again. */
async function takeBody(request: Request, init: Init): Promise<Init> {
  const isOther = (init.body ?? null) !== null || request.body === null || request.bodyUsed;
  return isOther ? init : { ...init, body: await request.arrayBuffer() };
}

/**
 * Caching for whatever takes a `fetch` of one's own (the AI SDK, LangChain, older SDKs): the same as `cachewright`, one
 * level below. Requests for anything but messages pass as they are.
 *
 * @example
 * const fetch = cachewrightFetch();
 * createAnthropic({ fetch }); // AI SDK
 * new ChatAnthropic({ clientOptions: { fetch } }); // LangChain
 * fetch.summary().hitRatio;
 * @throws RangeError when `mode` is no mode.
 */
export function cachewrightFetch(options: CachewrightFetchOptions = {}): CachewrightFetch {
  const { fetch: given, ...doorOptions } = options;
  const { door, work } = createDoor(doorOptions);
  // Looked up at each call, so that a replaced global counts.
  const below: Fetch = given ?? ((input, init) => fetch(input, init));
  const send = async (input: Parameters<Fetch>[0], init: Init = {}): Promise<Response> => {
    const request = input instanceof Request ? input : null;
    const method = init.method ?? request?.method ?? 'GET';
    const url = input instanceof Request ? input.url : String(input);
    const taken = request && isMessageCall({ method, url }) ? await takeBody(request, init) : init;
    const headers = new Headers(init.headers ?? request?.headers);
    return sendThrough(work, {
      method,
      url,
      headers,
      body: taken.body,
      signal: init.signal ?? request?.signal ?? null,
      send: (changes) => below(input, changedInit(taken, changes)),
    });
  };
  return Object.assign(send, door);
}
