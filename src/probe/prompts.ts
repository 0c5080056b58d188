import type { Ttl } from '../core/index.ts';
import type { Reply, Script, ScriptContext, Step } from './types.ts';

/** More than the minimum by this share, since words are only about tokens. */
const MARGIN = 1.15;

/** Words that every tokenizer of the service takes for one token at least. */
const WORDS = [
  'river',
  'window',
  'garden',
  'paper',
  'winter',
  'silver',
  'market',
  'planet',
  'letter',
  'summer',
];

/** One wait or call; the generator's way of saying `const reply = yield* step(...)`. */
function* step(next: Step): Generator<Step, Reply, Reply> {
  return yield next;
}

export function* waitFor(ms: number): Generator<Step, Reply, Reply> {
  return yield* step({ waitMs: ms });
}

/** A text of so many words, its own in every run and for every label. */
export function fillerText(context: ScriptContext, label: string, words: number): string {
  const rest = Array.from(
    { length: words - 2 },
    (_, index) => WORDS[(index * 7 + label.length) % WORDS.length],
  );
  return [context.nonce, label, ...rest].join(' ');
}

/** A text just long enough to be cached by itself (spec 3). */
export function cacheableText(context: ScriptContext, label: string): string {
  return fillerText(context, label, Math.ceil(context.model.minCacheableTokens * MARGIN));
}

/** A text block, with a marker where a TTL is given. */
export function textBlock(text: string, ttl: Ttl | null = null): object {
  return ttl === null
    ? { type: 'text', text }
    : { type: 'text', text, cache_control: { type: 'ephemeral', ttl } };
}

/** A request as small as can be around a system prompt. */
export function bodyOf(context: ScriptContext, system: readonly object[], more: object = {}): object {
  const messages = [{ role: 'user', content: [textBlock('Say yes.')] }];
  return { model: context.modelId, max_tokens: 1, system, messages, ...more };
}

/** Sends a Messages request. */
export function* sendMessage(
  body: object,
  headers: Record<string, string> = {},
): Generator<Step, Reply, Reply> {
  return yield* step({ call: { method: 'POST', path: '/v1/messages', body, headers } });
}

/** Any other call. */
export function* callApi(
  method: 'GET' | 'POST',
  path: string,
  body: object | null,
): Generator<Step, Reply, Reply> {
  return yield* step({ call: { method, path, body, headers: {} } });
}

/** Tokens that a reply read, 0 where it has no usage. */
export function readTokensOf(reply: Reply): number {
  return reply.usage?.readTokens ?? 0;
}

/** Tokens that a reply wrote for either TTL. */
export function writtenTokensOf(reply: Reply): number {
  return (reply.usage?.write5mTokens ?? 0) + (reply.usage?.write1hTokens ?? 0);
}

/** A script that sends two requests and judges by what the second read. */
export function* askTwice(
  first: Generator<Step, Reply, Reply>,
  second: Generator<Step, Reply, Reply>,
  judge: (readTokens: number, writtenBefore: number) => string | number | boolean,
): Script {
  const written = writtenTokensOf(yield* first);
  const read = readTokensOf(yield* second);
  return { value: judge(read, written), seen: `wrote ${written}, then read ${read}` };
}
