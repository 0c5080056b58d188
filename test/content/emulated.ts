import {
  billTokens,
  priceAt,
  resolveModel,
  standardPricing,
  type TokenCounts,
} from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { sendJson } from '../support/http-client.ts';

export const MODEL = 'claude-sonnet-5-5';

/** Time and cache of an emulator whose clock stands still until it is moved; its tokens are words. */
export interface Emulated {
  nowMs(): number;
  advance(ms: number): Promise<void>;
  /** Sends a request and gives the counters that were billed. */
  send(parts: object): Promise<TokenCounts>;
  close(): Promise<void>;
}

interface Usage {
  readonly input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
}

function readUsage(body: Buffer): TokenCounts {
  const { usage } = JSON.parse(body.toString('utf8')) as { readonly usage: Usage };
  return {
    uncachedTokens: usage.input_tokens,
    readTokens: usage.cache_read_input_tokens,
    write5mTokens: usage.cache_creation.ephemeral_5m_input_tokens,
    write1hTokens: usage.cache_creation.ephemeral_1h_input_tokens,
    outputTokens: 0,
  };
}

export async function startEmulated(): Promise<Emulated> {
  const emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
  const headers = ['x-api-key', 'test', 'anthropic-version', '2023-06-01'];
  let nowMs = 0;
  const advance = async (advanceMs: number): Promise<void> => {
    const { body } = await sendJson(emulator.url, { advanceMs }, { path: '/_emulator/clock' });
    nowMs = (JSON.parse(body.toString('utf8')) as { readonly nowMs: number }).nowMs;
  };
  await advance(0);
  return {
    nowMs: () => nowMs,
    advance,
    async send(parts) {
      const request = { model: MODEL, max_tokens: 16, ...parts };
      const { status, body } = await sendJson(emulator.url, request, { headers });
      if (status !== 200) throw new Error(body.toString('utf8'));
      return readUsage(body);
    },
    close: () => emulator.close(),
  };
}

const PICO_PER_USD = 1e12;

/** Pico-dollars of one uncached input token. */
function unitPicoUsd(atMs: number): number {
  return priceAt(resolveModel(MODEL).facts, atMs).inputPicoUsd;
}

/** What the input of a request costs, in units of one uncached input token. */
export function costUnits(tokens: TokenCounts, atMs: number): number {
  const cost = billTokens(resolveModel(MODEL).facts, tokens, standardPricing(atMs)).totalPicoUsd;
  return Number(cost) / unitPicoUsd(atMs);
}

/** An amount in those units. */
export function usdUnits(usd: number, atMs: number): number {
  return (usd * PICO_PER_USD) / unitPicoUsd(atMs);
}

/** A text of so many words, which a seed makes another text of the same words' lengths. */
export function text(words: number, seed = 0): string {
  return Array.from(
    { length: words },
    (_, index) => `w${String((index * 7 + seed) % 100).padStart(2, '0')}`,
  ).join(' ');
}

/** Marked blocks of a request, by path. */
export function markersOf({ tools, system, messages }: RequestParts): readonly string[] {
  const marked = (blocks: unknown, path: string): readonly string[] =>
    Array.isArray(blocks)
      ? blocks.flatMap((block: object, index) => ('cache_control' in block ? [`${path}.${index}`] : []))
      : [];
  return [
    ...marked(tools, 'tools'),
    ...marked(system, 'system'),
    ...messages.flatMap((message, index) =>
      marked((message as { readonly content?: unknown }).content, `messages.${index}.content`),
    ),
  ];
}
