import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { warmer, type Warmer } from '../../src/warming/index.ts';
import { KEY, MODEL, startEmulated, text, type Emulated } from './emulated.ts';

let emulated: Emulated;
let warming: Warmer;

beforeEach(async () => {
  emulated = await startEmulated();
  const client = new Anthropic({ apiKey: KEY, baseURL: emulated.url });
  warming = warmer({
    send: ({ body, headers, signal }) =>
      client.post('/v1/messages', { body, headers, signal, maxRetries: 0 }),
    clock: emulated.clock,
    timers: emulated.timers,
  });
});

afterEach(() => emulated.close());

describe('warming with the official SDK', () => {
  const prompt = { id: 'handbook', body: { model: MODEL, system: text(800) } };

  it('warms', async () => {
    const report = await warming.run([prompt]);
    expect(report).toMatchObject({ counts: { wrote: 1 }, tokens: { write5mTokens: 800 } });
  });

  it('understands its errors', async () => {
    await emulated.script([
      { status: 429, error: 'rate_limit_error', retryAfterS: 5 },
      { status: 529, error: 'overloaded_error' },
      { status: 400, error: 'invalid_request_error', message: 'no such thing' },
    ]);
    const report = await warming.run([prompt]);
    expect(report.results[0]).toMatchObject({ status: 'failed', tries: 3, uncertainPicoUsd: 0n });
    expect(report.results[0]?.reason).toContain('answered 400: ');
    expect(emulated.clock.nowMs()).toBeGreaterThanOrEqual(5000);
  });

  it('fails after five tries where nothing answers, and says what may have been billed', async () => {
    await emulated.script([1, 2, 3, 4, 5].map(() => ({ cutAfterBytes: 0 })));
    const report = await warming.run([prompt]);
    expect(report.results[0]).toMatchObject({ status: 'failed', tries: 5 });
    expect(report.results[0]?.reason).toMatch(/^nothing answered: /);
    expect(report.uncertainPicoUsd).toBeGreaterThan(0n);
  });
});
