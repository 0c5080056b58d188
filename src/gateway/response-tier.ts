import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';

import type { CachedAnswer, Engine, ResponseTier, UpstreamAnswer } from '../engine/index.ts';
import type { ResponseTierRecord } from '../ledger/index.ts';
import { CapturedAnswer } from './captured-answer.ts';
import { sendGatewayError, type RelayOptions, type RelayTarget } from './relay.ts';

type Call = Parameters<ResponseTier['prepare']>[0];
type Served = CachedAnswer['served'];
type Eligible = Extract<NonNullable<ReturnType<ResponseTier['prepare']>>, { readonly kind: 'eligible' }>;

/** A request as the tier reads it. */
class TierCall implements Call {
  readonly target: string;
  readonly origin: NonNullable<Call['origin']>;
  readonly body: Buffer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #headers: Readonly<Record<string, string>> | null = null;
  #leaving: AbortController | null = null;

  constructor(request: IncomingMessage, body: Buffer, response: ServerResponse) {
    this.target = request.url ?? '/';
    this.origin = { connection: request.socket, rawHeaders: request.rawHeaders };
    this.body = body;
    this.#request = request;
    this.#response = response;
  }

  /** As texts; made once somebody asks, which the next request of the same client does not. */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= textsOf(this.#request.headers);
    return this.#headers;
  }

  /** Over when its client leaves; made once somebody asks, which a hit at once does not. */
  get signal(): AbortSignal {
    if (this.#leaving) return this.#leaving.signal;
    const leaving = new AbortController();
    const leave = (): void => {
      if (!this.#response.writableFinished) leaving.abort(new Error('the client left'));
    };
    if (this.#response.destroyed) leave();
    else this.#response.once('close', leave);
    this.#leaving = leaving;
    return leaving.signal;
  }
}

/** A request as the tier reads it; over when its client leaves. */
export function tierCall(request: IncomingMessage, body: Buffer, response: ServerResponse): Call {
  return new TierCall(request, body, response);
}

function textsOf(headers: IncomingHttpHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) texts[name] = typeof value === 'string' ? value : String(value);
  }
  return texts;
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** Answers are kept and given decoded, for the next caller may not know the encoding. */
function decoded(answer: UpstreamAnswer, body: CapturedAnswer): UpstreamAnswer {
  const { 'content-encoding': encoding, 'content-length': _length, ...headers } = answer.headers;
  const decoder = DECODERS[(encoding ?? '').trim().toLowerCase()]?.();
  if (!decoder) return encoding === undefined ? { ...answer, headers } : answer;
  body.on('close', () => {
    if (!body.readableEnded) decoder.destroy(new Error('the upstream broke off'));
  });
  decoder.on('close', () => body.destroy());
  return { ...answer, headers, body: body.pipe(decoder) };
}

type Taken = NonNullable<ReturnType<Eligible['take']>>;
type Head = Record<string, string | number>;

/** Writes a whole answer in one piece. */
function writeWhole(status: number, head: Head, whole: Uint8Array, response: ServerResponse): void {
  response.sendDate = false;
  head['content-length'] = whole.length;
  response.writeHead(status, head);
  response.end(whole);
}

async function writeStream(
  { status, body }: CachedAnswer,
  head: Head,
  response: ServerResponse,
): Promise<void> {
  response.sendDate = false;
  response.writeHead(status, head);
  response.flushHeaders();
  const chunks = body[Symbol.asyncIterator]();
  // While the upstream is silent nothing else would tell it that the client has left.
  response.once('close', () => void chunks.return?.());
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    if (response.destroyed) return;
    if (response.write(next.value)) continue;
    await new Promise<void>((resolve) => {
      response.once('drain', resolve);
      response.once('close', resolve);
    });
  }
  response.end();
}

/** Sends a request through the engine, and relays the answer to where it is told. */
export type OpenRequest = (
  target: RelayTarget,
  more: Pick<RelayOptions, 'cacheStatus' | 'settled'> & { readonly responses?: () => ResponseTierRecord },
) => void;

/** What a request is answered with. */
export interface TierRequest {
  readonly prepared: Eligible;
  readonly engine: Engine;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  readonly open: OpenRequest;
}

const NOTHING_SAVED: Omit<ResponseTierRecord, 'outcome' | 'detail'> = {
  ageMs: null,
  savedPicoUsd: null,
  savedMs: null,
};

/** What the record says of a request that the tier has nothing to do with. */
export function passedBy(reason: string): ResponseTierRecord {
  return { ...NOTHING_SAVED, outcome: 'bypass', detail: reason };
}

/** What the record says of a request that was not sent; null of one that was, which has a record of its own. */
function savingOf({ kind, tier, ageMs, savedPicoUsd, savedMs }: Served): ResponseTierRecord | null {
  if (kind === 'collapsed') return { outcome: 'collapsed', detail: null, ageMs, savedPicoUsd, savedMs };
  if (kind !== 'hit' && kind !== 'stale') return null;
  const detail = kind === 'stale' ? `stale-${tier}` : tier;
  return { outcome: 'hit', detail, ageMs, savedPicoUsd, savedMs };
}

/** A request that somebody has to send, for which its record waits until it is known whether the answer is kept. */
async function sendCaptured(open: OpenRequest, signal: AbortSignal): Promise<UpstreamAnswer> {
  const captured = new CapturedAnswer();
  signal.addEventListener('abort', () => captured.destroy(), { once: true });
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  let record: ResponseTierRecord = { ...NOTHING_SAVED, outcome: 'miss', detail: null };
  open(captured, { settled, responses: () => record });
  const answer = decoded(await captured.answer, captured);
  return {
    ...answer,
    onJudged(notKept) {
      const outcome = notKept === null ? 'stored' : 'miss';
      record = notKept === 'passed-on' ? passedBy('leader-failed') : { ...record, outcome, detail: notKept };
      resolve();
    },
  };
}

/** Answers from what is kept or shared, where that is so, under an id of its own; null: the answer is the upstream's. */
async function writeAnswer(request: TierRequest, given: CachedAnswer, atMs: number): Promise<string | null> {
  const { prepared, engine, path, headers, response } = request;
  const isUnsent = savingOf(given.served) !== null;
  const id = isUnsent ? engine.unsent.createId() : null;
  const head: Head = { ...given.headers };
  if (id !== null) head['x-cachewright-id'] = id;
  const firstByteMs = engine.options.clock.nowMs() - atMs;
  let error: string | null = 'broken_off';
  try {
    if (given.whole) writeWhole(given.status, head, given.whole, response);
    else await writeStream(given, head, response);
    error = response.writableEnded ? null : 'client_left';
  } finally {
    const settled = given.settled();
    const responses = savingOf(settled);
    const { status } = given;
    const model = settled.model ?? '';
    if (id !== null && responses)
      engine.unsent.record(id, {
        identity: prepared.identity,
        path,
        headers,
        model,
        atMs,
        status,
        responses,
        error,
        firstByteMs,
      });
  }
  return id;
}

/**
 * Answers a client from memory, where that can be done at once and in one piece.
 *
 * @returns the id of the record; null: `answerFromTier` has to be asked
 */
export function takeFromTier(request: TierRequest): string | null {
  const atMs = request.engine.options.clock.nowMs();
  const taken = request.response.destroyed ? null : request.prepared.take();
  return taken && giveTaken(request, taken, atMs);
}

/** Writes a hit in one go, and notes it. */
function giveTaken(
  { prepared: { identity }, engine, path, headers, response }: TierRequest,
  { headers: head, whole, served }: Taken,
  atMs: number,
): string {
  const hit = { identity, path, headers, model: served.model ?? '', detail: served.tier };
  const records = engine.unsent.alike(hit);
  const id = records.begin(atMs);
  response.sendDate = false;
  response.writeHead(200, [...head, 'x-cachewright-id', id]);
  response.end(whole);
  records.end(engine.options.clock.nowMs() - atMs, served);
  return id;
}

/**
 * Answers a client from what is kept, from another client's answer, or by a request of its own; to be asked after
 * `takeFromTier`.
 *
 * @returns the id of the record of a request that was not sent; null of one that was
 */
export async function answerFromTier(request: TierRequest): Promise<string | null> {
  const { prepared, engine, response, open } = request;
  const atMs = engine.options.clock.nowMs();
  try {
    const taken = await prepared.look();
    if (taken) return giveTaken(request, taken, atMs);
    const answer = await prepared.answer((_body, _headers, signal) => sendCaptured(open, signal));
    return await writeAnswer(request, answer, atMs);
  } catch (error) {
    // A broken answer must break for the client too: an orderly end would pass for a whole one.
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) {
      const message = error instanceof Error ? error.message : String(error);
      sendGatewayError(response, 502, 'api_error', message);
    }
    return null;
  }
}
