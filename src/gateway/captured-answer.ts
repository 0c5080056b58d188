import { PassThrough } from 'node:stream';

import type { UpstreamAnswer } from '../engine/index.ts';
import { headerValues } from './headers.ts';
import type { RelayTarget } from './relay.ts';

/** A place to relay an answer to, where it is read by the cache instead of going to a client. */
export class CapturedAnswer extends PassThrough implements RelayTarget {
  readonly answer: Promise<UpstreamAnswer>;
  headersSent = false;
  statusCode = 0;
  sendDate = true;
  readonly #resolve: (answer: UpstreamAnswer) => void;

  constructor() {
    super();
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.once('close', () => reject(new Error('the answer was let go before it began')));
    this.on('error', reject);
    promise.catch(() => undefined);
  }

  writeHead(status: number, statusText: unknown, headers?: unknown): this {
    const given = headers ?? statusText;
    this.headersSent = true;
    this.statusCode = status;
    const flat = Array.isArray(given)
      ? given.map(String)
      : Object.entries(given ?? {})
          .flat()
          .map(String);
    const names = flat.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    const values = [...new Set(names)].map((name) => [name, headerValues(flat, name)] as const);
    this.#resolve({ status, headers: Object.fromEntries(values), body: this });
    return this;
  }

  /** Whoever waits may try again, which an answer would keep it from. */
  failWith(message: string): void {
    this.destroy(new Error(message));
  }

  /** There is no client to whom the head could go early. */
  flushHeaders(): void {
    this.headersSent = true;
  }
}
