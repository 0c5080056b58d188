import { createHmac } from 'node:crypto';

import {
  systemClock,
  systemRandom,
  systemTimers,
  type Clock,
  type Random,
  type Timers,
} from '../../runtime/index.ts';

/** Where events are posted, and how often it is tried. */
export interface WebhookOptions {
  readonly url: string;
  /** Signs what is posted; null: unsigned. */
  readonly secret: string | null;
  /** @default fetch */
  readonly send: typeof fetch;
  /** Tries for one event. @default 5 */
  readonly attemptsMax: number;
  /** Wait before the second try; it doubles with each, and up to half of it is added at random. @default 1000 */
  readonly delayMs: number;
  /** @default 10000 */
  readonly timeoutMs: number;
  /** Events that may wait; more are dropped and counted. @default 1000 */
  readonly waitingMax: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** What became of events. */
export interface WebhookTotals {
  readonly sent: number;
  /** Given up: refused, or tried too often. */
  readonly failed: number;
  /** Never tried: too many were waiting, or it was closed. */
  readonly dropped: number;
  readonly waiting: number;
}

/** Posts events to a URL, one after the other. */
export interface Webhook {
  /** Never throws, and never waits. Integers past 2^53 go as decimal strings. */
  post(event: object): void;
  totals(): WebhookTotals;
  /** Resolves when nothing waits any more: sent, or given up. */
  idle(): Promise<void>;
  /** Ends; what still waits is dropped. */
  close(): void;
}

/** No wait is longer, whatever `retry-after` says. */
const DELAY_MAX_MS = 5 * 60_000;

type Verdict = 'sent' | 'refused' | { readonly retryAfterMs: number | null };

/** The header by which the receiver knows that an event is ours, and when it was sent. */
export const SIGNATURE_HEADER = 'x-cachewright-signature';

/**
 * `t=TIME,v1=HEX`: HMAC-SHA-256 of the time in ms, a dot and the body.
 *
 * @example sign('{}', 'secret', 0) // 't=0,v1=…'
 */
export function sign(body: string, secret: string, atMs: number): string {
  const digest = createHmac('sha256', secret).update(`${atMs}.${body}`).digest('hex');
  return `t=${atMs},v1=${digest}`;
}

function parseRetryAfter(text: string | null): number | null {
  return text !== null && /^\d{1,6}$/.test(text.trim()) ? Number(text) * 1000 : null;
}

class PostingWebhook implements Webhook {
  readonly #options: WebhookOptions;
  readonly #waiting: string[] = [];
  readonly #closing = new AbortController();
  #work: Promise<void> | null = null;
  #sent = 0;
  #failed = 0;
  #dropped = 0;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  post(event: object): void {
    if (this.#closing.signal.aborted || this.#waiting.length >= this.#options.waitingMax) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(
      JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    );
    this.#work ??= this.#drain();
  }

  totals(): WebhookTotals {
    return {
      sent: this.#sent,
      failed: this.#failed,
      dropped: this.#dropped,
      waiting: this.#waiting.length,
    };
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  close(): void {
    this.#closing.abort();
  }

  async #drain(): Promise<void> {
    for (let body = this.#waiting[0]; body !== undefined; body = this.#waiting[0]) {
      const isSent = await this.#deliver(body);
      this.#waiting.shift();
      if (isSent) this.#sent += 1;
      else if (this.#closing.signal.aborted) this.#dropped += 1;
      else this.#failed += 1;
    }
    this.#work = null;
  }

  async #deliver(body: string): Promise<boolean> {
    const { attemptsMax, delayMs, random } = this.#options;
    for (let attempt = 0; attempt < attemptsMax && !this.#closing.signal.aborted; attempt += 1) {
      const verdict = await this.#try(body);
      if (typeof verdict === 'string') return verdict === 'sent';
      const ownMs = delayMs * 2 ** attempt * (1 + random() / 2);
      const isLast = attempt === attemptsMax - 1;
      if (!isLast) await this.#sleep(Math.min(DELAY_MAX_MS, Math.max(ownMs, verdict.retryAfterMs ?? 0)));
    }
    return false;
  }

  async #try(body: string): Promise<Verdict> {
    const { url, secret, send, clock, timers, timeoutMs } = this.#options;
    const leaving = new AbortController();
    const cancel = timers.after(timeoutMs, () => leaving.abort(), true);
    const signature = secret === null ? {} : { [SIGNATURE_HEADER]: sign(body, secret, clock.nowMs()) };
    try {
      const answer = await send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'cachewright', ...signature },
        body,
        // A redirect would send the event, and its signature, to somebody else.
        redirect: 'manual',
        signal: AbortSignal.any([leaving.signal, this.#closing.signal]),
      });
      await answer.body?.cancel();
      if (answer.ok) return 'sent';
      const mayPass = answer.status >= 500 || answer.status === 429 || answer.status === 408;
      return mayPass ? { retryAfterMs: parseRetryAfter(answer.headers.get('retry-after')) } : 'refused';
    } catch {
      return { retryAfterMs: null };
    } finally {
      cancel();
    }
  }

  #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#options.timers.after(delayMs, end, true);
      signal.addEventListener('abort', end);
    });
  }
}

/**
 * Posts events as JSON, signed, one after the other, and tries again where the receiver is down (no answer, 408, 429, 5xx).
 *
 * @throws {TypeError} where the URL is not one of http or https
 * @example
 * const hook = createWebhook({ url: 'https://example.com/hook', secret });
 * integrity({ onFinding: (finding) => hook.post({ type: 'integrity', ...finding }) });
 */
export function createWebhook(given: Pick<WebhookOptions, 'url'> & Partial<WebhookOptions>): Webhook {
  const isHttp = URL.canParse(given.url) && /^https?:$/.test(new URL(given.url).protocol);
  // What was given is not shown: a webhook's URL is often its password.
  if (!isHttp) throw new TypeError('the URL of a webhook begins with http:// or https://');
  return new PostingWebhook({
    secret: null,
    send: (...call) => fetch(...call),
    attemptsMax: 5,
    delayMs: 1_000,
    timeoutMs: 10_000,
    waitingMax: 1_000,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    ...given,
  });
}
