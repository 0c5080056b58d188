import { describe, expect, it } from 'vitest';
import { longRequest, words } from '../../test/support/messages.ts';
import { cacheStep, defaultCacheRules, emptyCacheState, toCacheRequest } from '../core/index.ts';
import type { Analysis } from './analysis.ts';
import { createCacheModel, type CacheModel, type Forecast } from './cache-model.ts';
import { analyseRequest } from './index.ts';

function analysisOf(body: Record<string, unknown> = longRequest()): Analysis {
  const found = analyseRequest(Buffer.from(JSON.stringify(body)));
  if ('skipReason' in found) throw new Error(found.skipReason);
  return found;
}

const analysis = analysisOf();
const ask = (model: CacheModel, atMs: number, given: Analysis = analysis): Forecast =>
  model.forecast(given, given.plan.breakpoints, atMs);

describe('the model beside real traffic', () => {
  it('reads what was written once its response has begun, and not before', () => {
    const model = createCacheModel(defaultCacheRules);
    const first = ask(model, 0);
    expect(first.sent).toMatchObject({ readTokens: 0, hit: null, nearMiss: null });
    expect(ask(model, 10).sent).toMatchObject({ readTokens: 0, nearMiss: { reason: 'in_flight' } });
    first.begin(20);
    expect(ask(model, 30).sent.readTokens).toBeGreaterThan(0);
  });

  it('forgets what was never written', () => {
    const model = createCacheModel(defaultCacheRules);
    ask(model, 0).cancel();
    expect(ask(model, 10).sent).toMatchObject({ readTokens: 0, nearMiss: null });
  });

  it('tells an expired entry from one that never was', () => {
    const model = createCacheModel(defaultCacheRules);
    ask(model, 0).begin(1);
    expect(ask(model, 300_000).sent).toMatchObject({ readTokens: 0, nearMiss: { reason: 'expired' } });
  });

  it('keeps what the client meant and automatic caching apart from what was sent', () => {
    const model = createCacheModel(defaultCacheRules);
    ask(model, 0).begin(1);
    const next = ask(model, 10);
    expect(next.sent.readTokens).toBe(next.sent.totalTokens);
    // The client sets no markers, so that it writes and reads nothing.
    expect(next.client).toMatchObject({
      readTokens: 0,
      write5mTokens: 0,
      uncachedTokens: next.sent.totalTokens,
    });
    expect(next.automatic.readTokens).toBe(next.sent.totalTokens);
  });

  it('says to a client without markers what the step of the cache says', () => {
    const { client } = ask(createCacheModel(defaultCacheRules), 0);
    const request = toCacheRequest(analysis.prompt, analysis.chain, []);
    expect(client).toEqual(cacheStep(emptyCacheState, request, { startMs: 0, readyMs: Infinity })[0]);
  });

  it('puts automatic caching on the last block that can carry it', () => {
    const model = createCacheModel(defaultCacheRules);
    const messages = [
      { role: 'user', content: words(1_000) },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }] },
    ];
    const { automatic } = ask(model, 0, analysisOf(longRequest({ messages })));
    expect(automatic.breakpoints.map(({ breakpoint }) => breakpoint)).toEqual([
      { blockIndex: 1, ttl: '5m', origin: 'automatic' },
    ]);
    expect(
      ask(model, 0, analysisOf({ model: 'claude-opus-5-5', messages: [] })).automatic.breakpoints,
    ).toEqual([]);
  });

  it('lets go of what has expired, now and then', () => {
    const model = createCacheModel(defaultCacheRules);
    const short = analysisOf({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] });
    for (const beganMs of [0, 1_000_000]) {
      ask(model, beganMs).begin(beganMs + 1);
      for (let request = 0; request < 512; request += 1) ask(model, beganMs + 400_000, short);
      // Swept: it can no longer be told that it has expired.
      expect(ask(model, beganMs + 400_001).sent.nearMiss).toBeNull();
    }
  });
});

describe('a bill for five minutes of what was asked for an hour', () => {
  const [first] = analysis.plan.breakpoints;
  const hourly = [{ ...first!, ttl: '1h' as const }];
  const askHour = (model: CacheModel, atMs: number): Forecast => model.forecast(analysis, hourly, atMs);

  it('shortens what was written, and nothing else', () => {
    const model = createCacheModel(defaultCacheRules);
    const other = analysisOf(longRequest({ model: 'claude-sonnet-5-5' }));
    model.forecast(other, hourly, 0).begin(1);
    const forecast = askHour(model, 0);
    forecast.begin(1);
    forecast.shorten();
    expect(askHour(model, 299_999).sent.readTokens).toBeGreaterThan(0);
    const again = askHour(model, 600_000);
    expect(again.sent).toMatchObject({ readTokens: 0, nearMiss: { reason: 'expired' } });
    // This one keeps its hour, as far as is known.
    again.begin(600_001);
    expect(askHour(model, 4_000_000).sent.readTokens).toBeGreaterThan(0);
    expect(model.forecast(other, hourly, 3_000_000).sent.readTokens).toBeGreaterThan(0);
  });

  it('says nothing of a request whose response never began', () => {
    const model = createCacheModel(defaultCacheRules);
    const forecast = askHour(model, 0);
    forecast.shorten();
    forecast.begin(1);
    expect(askHour(model, 3_000_000).sent.readTokens).toBeGreaterThan(0);
  });
});
