import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';

import type { CachedAnswer, ResponseTier, UpstreamAnswer } from '../engine/index.ts';
import { CapturedAnswer } from './captured-answer.ts';
import { sendGatewayError, type RelayTarget } from './relay.ts';

type Call = Parameters<ResponseTier['prepare']>[0];
type Eligible = Extract<NonNullable<ReturnType<ResponseTier['prepare']>>, { readonly kind: 'eligible' }>;

/** A request as the tier reads it; over when its client leaves. */
export function tierCall(
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  response: ServerResponse,
): Call {
  const leaving = new AbortController();
  response.once('close', () => leaving.abort(new Error('the client left')));
  const texts = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return { target: path, headers: Object.fromEntries(texts), body, signal: leaving.signal };
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

async function writeAnswer({ status, headers, body }: CachedAnswer, response: ServerResponse): Promise<void> {
  response.sendDate = false;
  response.writeHead(status, { ...headers });
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

/**
 * Answers a client from what is kept, from another client's answer, or by a request of its own.
 *
 * @param open sends the request through the engine, and relays the answer to where it is told
 */
export async function answerFromTier(
  prepared: Eligible,
  response: ServerResponse,
  open: (target: RelayTarget) => void,
): Promise<void> {
  try {
    const answer = await prepared.answer(async (_body, _headers, signal) => {
      const captured = new CapturedAnswer();
      signal.addEventListener('abort', () => captured.destroy(), { once: true });
      open(captured);
      return decoded(await captured.answer, captured);
    });
    await writeAnswer(answer, response);
  } catch (error) {
    // A broken answer must break for the client too: an orderly end would pass for a whole one.
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) {
      const message = error instanceof Error ? error.message : String(error);
      sendGatewayError(response, 502, 'api_error', message);
    }
  }
}
