import type { BodyWatch } from '../ledger/index.ts';
import type { EngineContext } from './context.ts';
import type { Exchange, ResponseFacts } from './exchange-port.ts';
import { openExchange } from './exchange.ts';
import { scopeOf, tagsOf, type Headers, type IncomingMessageRequest } from './request-facts.ts';

/** An exchange beside which its bodies are held, to be kept once it is over. */
class KeptExchange implements Exchange {
  readonly id: string;
  readonly #exchange: Exchange;
  readonly #watch: BodyWatch;

  constructor(exchange: Exchange, watch: BodyWatch) {
    this.id = exchange.id;
    this.#exchange = exchange;
    this.#watch = watch;
  }

  get bytes(): Buffer {
    return this.#exchange.bytes;
  }

  ready(): Promise<void> | null {
    return this.#exchange.ready();
  }

  responseStart(facts: ResponseFacts): 'pass' | 'hold' {
    this.#watch.begin(facts);
    return this.#exchange.responseStart(facts);
  }

  judgeHeld(body: Uint8Array): 'pass' | 'resend' {
    return this.#exchange.judgeHeld(body);
  }

  data(chunk: Uint8Array): void {
    this.#watch.data(chunk);
    this.#exchange.data(chunk);
  }

  complete(): void {
    this.#exchange.complete();
    this.#watch.end();
  }

  fail(reason: string): void {
    this.#exchange.fail(reason);
    this.#watch.end();
  }
}

function header(headers: Headers, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** Begins to hold what a request says; of its headers only what says how to read it. */
type WatchBodies = (id: string, request: IncomingMessageRequest) => BodyWatch;

/** What holds bodies; null where none are kept. */
export function watchBodies({ options, scopeKey }: EngineContext): WatchBodies | null {
  const { bodies, clock } = options;
  if (!bodies?.isKeeping) return null;
  return (id, { headers, body, isTooLong = false }) =>
    bodies.watch({
      id,
      atMs: clock.nowMs(),
      scope: scopeOf(headers, scopeKey),
      tags: tagsOf(headers),
      contentType: header(headers, 'content-type'),
      contentEncoding: header(headers, 'content-encoding'),
      body: isTooLong ? null : body,
    });
}

/** Opens requests so that what they and their answers say is held. */
export function openKept(
  context: EngineContext,
  watch: WatchBodies,
): (request: IncomingMessageRequest) => Exchange {
  return (request) => {
    const exchange = openExchange(context, request);
    return new KeptExchange(exchange, watch(exchange.id, request));
  };
}
