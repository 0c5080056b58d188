import type { JsonObject } from './reference-json.ts';
import type { ReferenceServer } from './reference.ts';

/** A 5-minute marker. */
export const MARK: JsonObject = { type: 'ephemeral' };
/** A 1-hour marker. */
export const MARK_1H: JsonObject = { type: 'ephemeral', ttl: '1h' };
/** What every body needs; this model's minimum is 512. */
export const BASE: JsonObject = { model: 'claude-opus-5-5', max_tokens: 16 };

/** A text of `count` words. */
export function words(count: number): string {
  return Array.from({ length: count }, () => 'a').join(' ');
}

/** A text block of `count` words, marked or not. */
export function text(count: number, marker?: JsonObject): JsonObject {
  return { type: 'text', text: words(count), ...(marker === undefined ? {} : { cache_control: marker }) };
}

/** A user message. */
export function user(...content: JsonObject[]): JsonObject {
  return { role: 'user', content };
}

/** An assistant message. */
export function assistant(...content: JsonObject[]): JsonObject {
  return { role: 'assistant', content };
}

/** Bills a body and gives [read, 1h write, 5m write, input], or 'refused'. */
export function bill(
  server: ReferenceServer,
  body: JsonObject,
  beginAfterMs = 0,
  workspace = 'w',
): number[] | 'refused' {
  const answer = server.request({ body: { ...BASE, ...body }, workspace, beginAfterMs });
  if (!answer.accepted) return 'refused';
  const { usage } = answer;
  const { ephemeral_1h_input_tokens: write1h, ephemeral_5m_input_tokens: write5m } = usage.cache_creation;
  return [usage.cache_read_input_tokens, write1h, write5m, usage.input_tokens];
}
