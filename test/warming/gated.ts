import type { JsonObject } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import type { EngineOptions } from '../../src/engine/index.ts';
import type { CleanUp } from '../support/gateway.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { text } from './emulated.ts';

export const PREFIX_TOKENS = 20_000;

/** What an answer was billed, and how long it took. */
export interface Answered {
  readonly status: number;
  readonly readTokens: number;
  readonly writeTokens: number;
  readonly uncachedTokens: number;
  readonly tookMs: number;
}

/** One of many requests on one system prompt, each with a question of its own. */
export function sibling(number: number, more: JsonObject = {}): JsonObject {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 16,
    system: text(PREFIX_TOKENS, 'shared'),
    messages: [{ role: 'user', content: text(40, `q${number}`) }],
    ...more,
  };
}

/** An emulator that takes its time to begin, and gateways before it. */
export interface GatedFleet {
  readonly emulatorUrl: string;
  readonly gateways: readonly TestGateway[];
  readonly script: (entries: object | readonly object[]) => Promise<void>;
}

/** The counters of an answer, whole or streamed. */
function usageOf(body: string): Record<string, unknown> {
  const at = body.indexOf('"usage":');
  const end = body.indexOf('"output_tokens"', at);
  // The first usage of a stream has all counters of the prompt.
  const shown = /\{.*?"cache_creation":\{[^}]*\}/s.exec(body.slice(at, Math.max(end, at) + 400));
  return shown ? (JSON.parse(`${shown[0]}}`) as Record<string, unknown>) : {};
}

function countOf(usage: Record<string, unknown>, name: string): number {
  return Number(usage[name] ?? 0);
}

export async function ask(url: string, body: JsonObject, headers: readonly string[] = []): Promise<Answered> {
  const beganMs = performance.now();
  const answer = await sendJson(url, body, { headers: ['x-api-key', 'sk-test-gate', ...headers] });
  const usage = usageOf(answer.body.toString('utf8'));
  return {
    status: answer.status,
    readTokens: countOf(usage, 'cache_read_input_tokens'),
    writeTokens: countOf(usage, 'cache_creation_input_tokens'),
    uncachedTokens: countOf(usage, 'input_tokens'),
    tookMs: performance.now() - beganMs,
  };
}

/** Starts them; every gateway gets options of its own. */
export async function startGated(
  cleanUp: CleanUp,
  engines: readonly Partial<EngineOptions>[],
  ttftMs: number,
): Promise<GatedFleet> {
  const emulator = cleanUp.add(await startEmulator({ port: 0, tokenizer: 'words', ttftMs }));
  const gateways: TestGateway[] = [];
  for (const engine of engines) gateways.push(cleanUp.add(await startTestGateway(emulator.url, { engine })));
  return {
    emulatorUrl: emulator.url,
    gateways,
    async script(entries) {
      const { status } = await sendJson(emulator.url, entries, { path: '/_emulator/script' });
      if (status !== 200) throw new Error('the script was refused');
    },
  };
}

/** What the emulator holds, and how much of it is a prefix of a size. */
export async function countEntries(url: string, tokens: number): Promise<number> {
  const { value } = await getJson(url, '/_emulator/entries');
  const { entries } = value as { readonly entries: readonly { readonly tokens: number }[] };
  return entries.filter((entry) => entry.tokens === tokens).length;
}
