import { createEngine, type Engine, type EngineOptions, type Exchange } from '../../src/engine/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { watchLedger, type WatchedLedger } from './ledger.ts';
import { messageJson, type TestUsage } from './messages.ts';

/** An engine whose time is the test's. */
export interface TestEngine extends Engine {
  readonly ledger: WatchedLedger;
  /** Lets time pass. */
  advance(ms: number): void;
}

/** When the clock of a test engine begins: a day on which all prices of the catalogue hold. */
export const START_MS = 1_795_000_000_000;

/** An engine with a manual clock, a seed, and a ledger to wait for. */
export function createTestEngine(options: Partial<EngineOptions> = {}): TestEngine {
  const ledger = watchLedger();
  let nowMs = START_MS;
  const clock = { nowMs: () => nowMs };
  const engine = createEngine({
    ledger,
    clock,
    random: seededRandom(1),
    secret: Buffer.alloc(32, 7),
    ...options,
  });
  return { ...engine, ledger, advance: (ms) => (nowMs += ms) };
}

/** Opens a request for a message; strings and buffers are sent as they are. */
export function openWith(engine: Engine, body: unknown, headers: Record<string, string> = {}): Exchange {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return engine.open({ path: '/v1/messages', headers: { 'x-api-key': 'key', ...headers }, body: bytes });
}

/** Lets an exchange begin its answer. */
export function begin(
  exchange: Exchange,
  status = 200,
  contentType = 'application/json',
  contentEncoding = '',
): 'pass' | 'hold' {
  return exchange.responseStart({ status, contentType, contentEncoding });
}

/** Answers an exchange whole: with a usage, or with a text. */
export function answer(exchange: Exchange, content: TestUsage | string, status = 200): void {
  begin(exchange, status);
  exchange.data(Buffer.from(typeof content === 'string' ? content : messageJson(content)));
  exchange.complete();
}
