import type { Engine } from '../engine/index.ts';
import { forwardedHeaders, headerValues } from './headers.ts';
import type { Upstream } from './upstream.ts';

/** Sends pings; what they are is the engine's. */
type SendPing = Parameters<Engine['keepAlive']['attach']>[0];
type PingRequest = Parameters<SendPing>[0];
type PingAnswer = Awaited<ReturnType<SendPing>>;

/** A message with no content is short; of anything longer there is nothing to learn. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const SECOND_MS = 1000;

function rawHeaders(headers: PingRequest['headers']): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).flatMap((each) => [name, each]),
  );
}

function readRetryAfter(headers: readonly string[]): number | null {
  const text = headerValues(headers, 'retry-after');
  const seconds = text === '' ? Number.NaN : Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * SECOND_MS : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A sender of pings on the connections of real requests. */
export function createPingSender(upstream: Upstream): SendPing {
  return ({ path, headers, text, signal }) =>
    new Promise<PingAnswer>((resolve, reject) => {
      const body = Buffer.from(text);
      const connection = String(headers['connection'] ?? '');
      const known = { connection, 'accept-encoding': 'identity' };
      const chunks: Buffer[] = [];
      let head = { status: 0, headers: [] as string[] };
      let size = 0;
      const abort = (): void => call.abort(new Error('the ping was stopped'));
      const request = {
        method: 'POST',
        path,
        headers: forwardedHeaders(rawHeaders(headers), known, body.length),
        body,
      };
      const call = upstream.send(request, {
        head(status, _statusText, raw) {
          head = { status, headers: raw.map((item) => item.toString('latin1')) };
        },
        chunk(bytes) {
          size += bytes.length;
          if (size <= ANSWER_BYTES_MAX) chunks.push(bytes);
          return true;
        },
        end() {
          signal.removeEventListener('abort', abort);
          const message = parse(Buffer.concat(chunks).toString());
          resolve({ status: head.status, retryAfterMs: readRetryAfter(head.headers), message });
        },
        fail(error) {
          signal.removeEventListener('abort', abort);
          reject(error);
        },
      });
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
    });
}
