import type { ConversationAnswer } from '../../src/conversation/index.ts';
import type { JsonObject } from '../../src/core/index.ts';
import type { BindingMode } from '../../src/emulator/binding.ts';
import type { ShownEntry } from '../../src/emulator/cache-server.ts';
import { manualClock, type EmulatorClock } from '../../src/emulator/clock.ts';
import { createService, type EmulatorService } from '../../src/emulator/service.ts';
import type { TokenizerName } from '../../src/emulator/tokenizers.ts';

const START_MS = 1_795_000_000_000;

/** An answer of the emulator. */
export interface EmulatedMessage extends ConversationAnswer {
  readonly usage: JsonObject & {
    readonly input_tokens: number;
    readonly cache_read_input_tokens: number;
    readonly cache_creation_input_tokens: number;
  };
}

/** What was sent, with its answer. */
export interface Exchange {
  readonly body: JsonObject & { readonly messages: readonly SentMessage[] };
  readonly answer: EmulatedMessage;
}

export interface SentMessage {
  readonly role: string;
  readonly content: readonly JsonObject[];
}

/** The emulator in this process, without HTTP, its clock standing still until it is moved. */
export class Emulated {
  readonly clock: EmulatorClock = manualClock(START_MS);
  readonly exchanges: Exchange[] = [];
  readonly #service: EmulatorService;
  readonly #script: object[] = [];

  constructor(tokenizer: TokenizerName = 'estimate', binding: BindingMode = 'strict') {
    const formatTime = (timeMs: number): string => new Date(timeMs).toISOString();
    const options = { tokenizer, binding, ttftMs: 0, slackMs: 0, ttlScale: 1, seed: 1, formatTime };
    this.#service = createService(options, this.clock);
  }

  /** What the next requests are answered. */
  script(...entries: readonly object[]): void {
    this.#script.push(...entries);
  }

  entries(): readonly ShownEntry[] {
    return this.#service.entries().entries;
  }

  /** Tokens of a body's prompt, however often it was read while it was answered. */
  count(body: object): number {
    const counted = this.#service.countTokens(body);
    if ('error' in counted) throw new Error(counted.error.message);
    return counted.tokens;
  }

  /** @param scripted its answer, in place of the next scripted one */
  readonly send = (
    body: object,
    scripted: object | undefined = this.#script.shift(),
  ): Promise<EmulatedMessage> => {
    const problem = scripted && this.#service.appendScript(scripted);
    if (problem) throw new Error(problem);
    const sent = JSON.parse(JSON.stringify(body)) as Exchange['body'];
    const result = this.#service.messages({ body: sent, workspace: 'w', betas: [], beginAfterMs: null });
    if ('error' in result)
      return Promise.reject(new Error(`${result.error.status}: ${result.error.message}`));
    const answer = result.answer.message as unknown as EmulatedMessage;
    this.exchanges.push({ body: sent, answer });
    return Promise.resolve(answer);
  };
}

export function inputTokens({ usage }: EmulatedMessage): number {
  return usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
}

/** A text of so many words. */
export function words(count: number, seed = 0): string {
  return Array.from(
    { length: count },
    (_, index) => `w${String((index * 7 + seed) % 100).padStart(2, '0')}`,
  ).join(' ');
}

/** Does a request ask for a summary, of the model or of the API? */
export function asksForSummary(body: { readonly messages: readonly object[] }): boolean {
  if ('compaction' in body) return true;
  return JSON.stringify(body.messages.at(-1)).includes('Summarise the conversation so far');
}
