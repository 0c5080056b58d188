import type { ReadableStreamDefaultController, ReadableStreamDefaultReader } from 'node:stream/web';

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type WebStream = NonNullable<Response['body']>;
type Controller = ReadableStreamDefaultController<Uint8Array>;

/** Is told what passes; none of its methods throws. */
export interface Watcher {
  data(chunk: Uint8Array): void;
  complete(): void;
  fail(reason: string): void;
}

/** The beginning of an answer that was read before it is passed on. */
export interface AnswerStart {
  readonly chunks: readonly Uint8Array[];
  readonly isWhole: boolean;
  readonly reader: Reader;
}

/** Why something broke off, in a few words. Of a network error the cause says more than "fetch failed". */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if (error.name === 'AbortError') return 'client_left';
  const { cause } = error;
  const told = cause instanceof Error && cause.message !== '' ? cause : error;
  return told.message === '' ? told.name : told.message;
}

/** Reads the first `bytesMax` bytes of an answer, or all of it; what fails here fails again for whoever reads on. */
export async function readStart(response: Response, bytesMax: number): Promise<AnswerStart | null> {
  if (!isWebStream(response.body)) return null;
  const reader: Reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  try {
    for (let size = 0; size <= bytesMax;) {
      const { done, value } = await reader.read();
      if (done) return { chunks, isWhole: true, reader };
      chunks.push(value);
      size += value.length;
    }
  } catch {
    return { chunks, isWhole: false, reader };
  }
  return { chunks, isWhole: false, reader };
}

/** Some `fetch` for Node gives bodies of another kind. */
function isWebStream(body: WebStream | null): body is WebStream {
  return body !== null && typeof body.getReader === 'function';
}

/** Passes a body on, chunk by chunk, each only when it is asked for: nothing piles up here. */
class RelayedBody {
  /** Held so that the answer lives as long as its body is read: `fetch` cancels the body of one that is forgotten. */
  readonly #response: Response;
  readonly #body: WebStream;
  readonly #watcher: Watcher;
  readonly #read: Uint8Array[];
  #reader: Reader | null;

  constructor(response: Response, body: WebStream, start: AnswerStart | null, watcher: Watcher) {
    this.#response = response;
    this.#body = body;
    this.#watcher = watcher;
    this.#read = [...(start?.chunks ?? [])];
    this.#reader = start?.reader ?? null;
  }

  async pull(controller: Controller): Promise<void> {
    const chunk = this.#read.shift() ?? (await this.#next());
    if (chunk === null) {
      this.#watcher.complete();
      controller.close();
      return;
    }
    // Before it is handed over, for then it is another's.
    this.#watcher.data(chunk);
    controller.enqueue(chunk);
  }

  async cancel(reason: unknown): Promise<void> {
    // Of an error the status is often enough, and SDKs that try again read no more of it.
    if (this.#response.status >= 400) this.#watcher.complete();
    else this.#watcher.fail('client_left');
    await (this.#reader ?? this.#body).cancel(reason);
  }

  /** The next chunk; null at the end. */
  async #next(): Promise<Uint8Array | null> {
    try {
      // Not before the first read: an answer that is never read is let go by `fetch` only while its body is free.
      this.#reader ??= this.#body.getReader();
      const { done, value } = await this.#reader.read();
      return done ? null : value;
    } catch (error) {
      this.#watcher.fail(describeFailure(error));
      throw error;
    }
  }
}

/**
 * The same answer with its body watched while it is read: status, headers and bytes as they came, and `x-cachewright-id`.
 * An answer that cannot be watched is given back itself, and counts as complete.
 *
 * @throws whatever `Response` throws at a status or header that it does not take; the answer is then still unread.
 */
export function relayAnswer(
  response: Response,
  start: AnswerStart | null,
  id: string,
  watcher: Watcher,
): Response {
  if (!isWebStream(response.body)) {
    watcher.complete();
    return response;
  }
  const { status, statusText, url, redirected, type } = response;
  const headers = new Headers(response.headers);
  headers.set('x-cachewright-id', id);
  const body = new ReadableStream<Uint8Array>(new RelayedBody(response, response.body, start, watcher), {
    highWaterMark: 0,
  });
  const relayed = new Response(body, { status, statusText, headers });
  // The constructor has no place for these.
  return Object.defineProperties(relayed, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
  });
}
