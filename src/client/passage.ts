import { OWN_HEADER_PREFIX, type Exchange } from '../engine/index.ts';
import type { DoorWork } from './door.ts';
import { describeFailure, readStart, relayAnswer, type AnswerStart, type Watcher } from './relay.ts';
import { holdBody, type HeldBody } from './request-body.ts';

/** A request on its way out. */
export interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  /** As `fetch` takes it. */
  readonly body: unknown;
  /** Ends the request; null: nothing can. */
  readonly signal: AbortSignal | null;
  send(changes: Changes): Promise<Response>;
}

/** What is sent otherwise than it came; null: as it came. */
export interface Changes {
  readonly headers: Headers | null;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

/** An error answer longer than this is no sentence about our markers: it is passed on. */
const HELD_BYTES_MAX = 64 * 1024;

/** Is it a request for a message? The base URL may carry a path prefix. */
export function isMessageCall({ method, url }: Pick<Call, 'method' | 'url'>): boolean {
  return (
    method.toUpperCase() === 'POST' && URL.canParse(url) && new URL(url).pathname.endsWith('/v1/messages')
  );
}

/** The headers without those that are meant for us; null when there are none of these. */
function forwardedHeaders(headers: Headers): Headers | null {
  const own = [...headers.keys()].filter((name) => name.startsWith(OWN_HEADER_PREFIX));
  if (own.length === 0) return null;
  const forwarded = new Headers(headers);
  for (const name of own) forwarded.delete(name);
  return forwarded;
}

/** One request for a message: planned, sent, and accounted for while its answer is read. */
class Passage {
  readonly #work: DoorWork;
  readonly #call: Call;
  readonly #held: HeldBody;
  readonly #exchange: Exchange;
  readonly #watcher: Watcher;

  constructor(work: DoorWork, call: Call) {
    const { pathname, search } = new URL(call.url);
    this.#work = work;
    this.#call = call;
    this.#held = holdBody(call.body, work.bodyBytesMax);
    const { bytes: body, isTooLong } = this.#held;
    const headers = Object.fromEntries(call.headers);
    const onRecord = work.attempt(() => work.notepad.begin(), null);
    const request = { path: pathname + search, headers, body, isTooLong };
    const exchange = work.engine.open({ ...request, ...(onRecord && { onRecord }) });
    this.#exchange = exchange;
    this.#watcher = {
      data: (chunk) => work.attempt(() => exchange.data(chunk), undefined),
      complete: () => work.attempt(() => exchange.complete(), undefined),
      fail: (reason) => work.attempt(() => exchange.fail(reason), undefined),
    };
  }

  async run(): Promise<Response> {
    await this.#wait();
    const response = await this.#send();
    if (this.#start(response) === 'pass') return this.#relay(response, null);
    const start = await readStart(response, HELD_BYTES_MAX);
    if (this.#judge(start) === 'pass') return this.#relay(response, start);
    const second = await this.#send();
    this.#start(second);
    return this.#relay(second, null);
  }

  /** Another request is writing what this one would read. Where the caller gives up meanwhile, the sending tells it so. */
  async #wait(): Promise<void> {
    const ready = this.#work.attempt(() => this.#exchange.ready(), null);
    if (!ready) return;
    const { signal } = this.#call;
    const leave = (): void => this.#watcher.fail('client_left');
    if (signal?.aborted) leave();
    signal?.addEventListener('abort', leave);
    await ready.finally(() => signal?.removeEventListener('abort', leave));
  }

  async #send(): Promise<Response> {
    try {
      return await this.#call.send(this.#changes());
    } catch (error) {
      this.#watcher.fail(describeFailure(error));
      throw error;
    }
  }

  #changes(): Changes {
    const { bytes } = this.#exchange;
    const headers = forwardedHeaders(this.#call.headers);
    if (this.#held.isTooLong || bytes.equals(this.#held.bytes)) return { headers, body: null };
    if (!this.#call.headers.has('content-length')) return { headers, body: this.#held.inKind(bytes) };
    const counted = headers ?? new Headers(this.#call.headers);
    counted.set('content-length', String(bytes.length));
    return { headers: counted, body: this.#held.inKind(bytes) };
  }

  #start({ status, headers }: Response): 'pass' | 'hold' {
    const contentType = headers.get('content-type') ?? '';
    // `fetch` has decoded the body already, whatever the header says.
    const facts = { status, contentType, contentEncoding: '' };
    return this.#work.attempt(() => this.#exchange.responseStart(facts), 'pass');
  }

  /** An answer that was not read to its end is no sentence about our markers. */
  #judge(start: AnswerStart | null): 'pass' | 'resend' {
    const body = start?.isWhole ? Buffer.concat(start.chunks) : Buffer.alloc(0);
    return this.#work.attempt(() => this.#exchange.judgeHeld(body), 'pass');
  }

  #relay(response: Response, start: AnswerStart | null): Response {
    const relayed = this.#work.attempt(
      () => relayAnswer(response, start, this.#exchange.id, this.#watcher),
      null,
    );
    if (relayed === null) this.#watcher.complete();
    return relayed ?? response;
  }
}

/** Sends one request through the engine; what is no request for a message only loses the headers that are meant for us. */
export async function sendThrough(work: DoorWork, call: Call): Promise<Response> {
  const passage = work.attempt(() => (isMessageCall(call) ? new Passage(work, call) : null), null);
  return passage ? passage.run() : call.send({ headers: forwardedHeaders(call.headers), body: null });
}
