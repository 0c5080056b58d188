import { isObject } from '../core/index.ts';
import { systemTimers, type Timers } from '../runtime/index.ts';
import type { SendWarm } from './options.ts';
import { cleanText, readRetryAfter } from './read-reply.ts';

/** Options of `httpSender()`. */
export interface HttpSenderOptions {
  /** Sent as `x-api-key`; never part of an error. */
  readonly apiKey: string;
  /** May carry a path prefix. @default the public API */
  readonly baseUrl: string;
  /** How long an answer may take. @default 120000: a long prompt takes a while to read */
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
  readonly timers: Timers;
}

/** A request that was not answered with a message. */
class WarmSendError extends Error {
  override readonly name = 'WarmSendError' as const;
  /** null where nothing answered. */
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, status: number | null = null, retryAfterMs: number | null = null) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

const PUBLIC_API = 'https://api.anthropic.com';
const TIMEOUT_MS = 120_000;

/** What prompts may say of themselves; credentials are the sender's own affair. */
const PROMPT_HEADERS: ReadonlySet<string> = new Set(['anthropic-beta', 'anthropic-version']);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function messageOf(text: string): string {
  const json = parse(text);
  const error = isObject(json) && isObject(json['error']) ? json['error'] : {};
  return typeof error['message'] === 'string' ? error['message'] : 'no message';
}

function pickHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(lower.filter(([name]) => PROMPT_HEADERS.has(name)));
}

/** Where a redirect leads, without a path: that is the service's own text. */
function originOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : 'nowhere';
}

/**
 * A sender for those who have no client of their own: one `POST /v1/messages` for each call, no retries, no redirects.
 *
 * @example warmer({ send: httpSender({ apiKey }) });
 */
export function httpSender(given: Pick<HttpSenderOptions, 'apiKey'> & Partial<HttpSenderOptions>): SendWarm {
  const { apiKey, baseUrl = PUBLIC_API, timeoutMs = TIMEOUT_MS, timers = systemTimers } = given;
  const post = given.fetch ?? fetch;
  const base = baseUrl.replace(/\/+$/, '');
  // A service that repeats the key in an error must not bring it into a report.
  const clean = (text: string): string =>
    cleanText(apiKey === '' ? text : text.replaceAll(apiKey, '[credential]'));

  const exchange: SendWarm = async ({ text, headers, signal }) => {
    const response = await post(`${base}/v1/messages`, {
      method: 'POST',
      // A redirect would take the key, and the prompts that are paid for, to whoever the service names.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        ...pickHeaders(headers),
        'x-api-key': apiKey,
      },
      body: text,
      signal,
    });
    const answer = await response.text();
    if (response.ok) return parse(answer);
    const isRedirect = response.status >= 300 && response.status < 400;
    const message = isRedirect
      ? `a redirect to ${originOf(response.headers.get('location'), base)}, which is not followed with your key`
      : messageOf(answer);
    throw new WarmSendError(clean(message), response.status, readRetryAfter(response.headers));
  };

  return async (request) => {
    const slow = new AbortController();
    const cancel = timers.after(timeoutMs, () => slow.abort());
    try {
      return await exchange({ ...request, signal: AbortSignal.any([request.signal, slow.signal]) });
    } catch (error) {
      if (error instanceof WarmSendError) throw error;
      if (slow.signal.aborted) throw new WarmSendError(`no answer within ${timeoutMs / 1000} s`);
      // Not the cause: it may hold the request, and so the key.
      throw new WarmSendError(`no connection to ${new URL(base).origin}`);
    } finally {
      cancel();
    }
  };
}
