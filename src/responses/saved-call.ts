import type { JsonObject } from '../core/index.ts';
import type { AnswerFacts } from './judge-answer.ts';
import type { SavedRequest } from './options.ts';
import type { MessageCall } from './request.ts';
import type { HeaderMap } from './scope.ts';

/** A call that was not sent, for whoever prices it; mostly the key is all that is asked for. */
export class SavedCall implements SavedRequest {
  readonly key: string;
  readonly model: string;
  readonly usage: JsonObject;
  readonly atMs: number;
  readonly ageMs: number;
  readonly #call: MessageCall;

  constructor(call: MessageCall, key: string, { model, usage }: AnswerFacts, atMs: number, ageMs: number) {
    this.#call = call;
    this.key = key;
    this.model = model;
    this.usage = usage;
    this.atMs = atMs;
    this.ageMs = ageMs;
  }

  get target(): string {
    return this.#call.target ?? '/v1/messages';
  }

  get headers(): HeaderMap {
    return this.#call.headers;
  }

  get body(): Uint8Array | string {
    return this.#call.body;
  }
}
