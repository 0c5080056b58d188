import {
  READ_BYTES_MAX,
  type BodyWatch,
  type RawBodies,
  type RawBody,
  type SeenAnswer,
  type SeenRequest,
} from './bodies.ts';

/** Counts bytes that are held, here and at all requests together. */
export interface ByteBudget {
  /** @returns false: there is no room for so many more. */
  take(bytes: number): boolean;
}

/** What has come of an answer. */
interface Answer {
  readonly facts: SeenAnswer;
  readonly chunks: Buffer[];
  held: number;
  size: number;
}

/** Bytes of their own: a message to another thread takes all that they lie in. */
function copyOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, bytes - at);
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function requestBody({ body, contentType, contentEncoding }: SeenRequest): RawBody {
  const size = body?.length ?? 0;
  const bytes = copyOf(body ? [body] : [], Math.min(size, READ_BYTES_MAX));
  const problem = body ? null : 'it was too long to be held';
  return { contentType, contentEncoding, bytes, size, problem };
}

function answerBody({ facts, chunks, held, size }: Answer): RawBody & { readonly status: number } {
  return { ...facts, bytes: copyOf(chunks, held), size, problem: null };
}

/** Holds what one request and its answer said until the answer is over, and hands it on then. */
export class HeldBodies implements BodyWatch {
  readonly #request: SeenRequest;
  readonly #budget: ByteBudget;
  readonly #done: (held: HeldBodies) => void;
  #answer: Answer | null = null;
  #isOver = false;
  /** Bytes of it that are counted. */
  taken = 0;

  constructor(request: SeenRequest, budget: ByteBudget, done: (held: HeldBodies) => void) {
    this.#request = request;
    this.#budget = budget;
    this.#done = done;
  }

  get id(): string {
    return this.#request.id;
  }

  begin(facts: SeenAnswer): void {
    this.#answer = { facts, chunks: [], held: 0, size: 0 };
  }

  data(chunk: Uint8Array): void {
    const answer = this.#answer;
    if (!answer || this.#isOver) return;
    // Once something is missing, nothing behind it is of use.
    const isWhole = answer.held === answer.size;
    answer.size += chunk.length;
    if (!isWhole || answer.size > READ_BYTES_MAX || !this.#budget.take(chunk.length)) return;
    this.taken += chunk.length;
    answer.held = answer.size;
    // A copy: what it lies in may be much larger.
    answer.chunks.push(Buffer.from(chunk));
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#done(this);
  }

  /** For the thread that stores them. */
  raw(): RawBodies {
    const { id, atMs, scope, tags } = this.#request;
    const answer = this.#answer && answerBody(this.#answer);
    return { id, atMs, scope, tags, request: requestBody(this.#request), answer };
  }
}
