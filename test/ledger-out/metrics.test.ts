import parsePrometheusText from 'parse-prometheus-text-format';
import { afterEach, describe, expect, it } from 'vitest';

import { defaultCatalogue, extendCatalogue, toUsd } from '../../src/core/index.ts';
import { createMetrics, type Metrics } from '../../src/gateway/metrics/metrics.ts';
import { renderPrometheus } from '../../src/gateway/metrics/prometheus.ts';
import {
  createMemoryLedger,
  integrity,
  nothingKnown,
  type Ledger,
  type RequestRecord,
} from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway } from '../support/gateway.ts';
import { send, sendJson } from '../support/http-client.ts';
import { ManualTime } from '../support/manual-time.ts';
import { longRequest, messageJson } from '../support/messages.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';
import { startRecordingUpstream } from '../support/upstream.ts';
import { startOtlpReceiver, type ReceivedPush } from './otlp-receiver.ts';
import { RandomRecords } from './random-records.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const healthy = { failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 };
const tokens = { uncachedTokens: 5, readTokens: 100, write5mTokens: 20, write1hTokens: 3, outputTokens: 9 };

/** One line of a scrape. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly metrics: readonly { readonly value?: string; readonly labels?: Record<string, string> }[];
}

/** A scrape as a parser reads it that knows nothing of us: samples by name, and the types of families. */
class Scrape {
  readonly #samples = new Map<string, Sample[]>();
  readonly types: ReadonlyMap<string, string>;

  constructor(text: string) {
    const families = parsePrometheusText(text) as readonly ParsedFamily[];
    this.types = new Map(families.map(({ name, type }) => [name, type]));
    // Without types the parser gives every line of a histogram as it stands.
    const untyped = text.replaceAll(/^# TYPE .*\n/gm, '');
    for (const { name, metrics } of parsePrometheusText(untyped) as readonly ParsedFamily[]) {
      const samples = metrics.map(({ value, labels = {} }) => ({ labels, value: Number(value) }));
      this.#samples.set(name, [...this.samples(name), ...samples]);
    }
  }

  get names(): readonly string[] {
    return [...this.#samples.keys()];
  }

  samples(name: string): readonly Sample[] {
    return this.#samples.get(name) ?? [];
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples(name)
      .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }
}

async function scrape(metrics: Metrics, judged: readonly RequestRecord[] = []): Promise<Scrape> {
  const health = metrics.ledger.health();
  const judge = integrity();
  judged.forEach((record) => judge.check(record));
  const state = {
    health,
    counters: healthy,
    integrity: judge.totals(),
    firing: [],
    keepAliveSavedPicoUsd: 3n,
  };
  const shown = metrics.snapshot(state);
  return new Scrape(
    await renderPrometheus(shown, { 'service.name': 'test' }, { startMs: 1_000, endMs: 2_500 }),
  );
}

function metricsOf(ledger: Ledger = createMemoryLedger(100_000)): Metrics {
  return createMetrics(ledger, defaultCatalogue);
}

describe('Prometheus', () => {
  it('tells the sums of the ledger', async () => {
    const random = new RandomRecords(8);
    const ledger = createMemoryLedger(100_000);
    const metrics = metricsOf(ledger);
    for (let count = 0; count < 400 * effort; count += 1) {
      metrics.ledger.add(random.request());
      if (count % 9 === 0) metrics.ledger.addOwn(random.own());
    }
    const page = await scrape(metrics);
    const summary = ledger.summary();
    const { sums } = random;
    expect(page.sum('cachewright_requests_total')).toBe(summary.requests);
    expect(page.sum('cachewright_unbilled_requests_total')).toBe(sums.unreported);
    expect(page.sum('cachewright_cost_usd_total')).toBeCloseTo(summary.costUsd, 6);
    const uncachedUsd = summary.costUsd + summary.savedUsd.noCaching;
    expect(page.sum('cachewright_uncached_cost_usd_total')).toBeCloseTo(uncachedUsd, 6);
    expect(page.sum('cachewright_own_cost_usd_total')).toBeCloseTo(toUsd(sums.ownPicoUsd), 6);
    const saved = (counterfactual: string): number => page.sum('cachewright_saved_usd', { counterfactual });
    expect(saved('no_caching')).toBeCloseTo(summary.savedUsd.noCaching, 6);
    expect(saved('client')).toBeCloseTo(summary.savedUsd.client, 6);
    expect(saved('client')).toBeLessThan(0);
    expect(page.sum('cachewright_tokens_total', { kind: 'read' })).toBe(summary.readTokens);
    expect(page.sum('cachewright_tokens_total', { kind: 'write_1h' })).toBe(summary.write1hTokens);
    expect(page.sum('cachewright_cache_read_tokens_total')).toBe(summary.readTokens);
    expect(page.sum('cachewright_cache_input_tokens_total')).toBe(sums.inputTokens);
    expect(page.sum('gen_ai_client_token_usage_sum', { gen_ai_token_type: 'input' })).toBe(sums.inputTokens);
    expect(page.sum('gen_ai_client_token_usage_sum', { gen_ai_token_type: 'output' })).toBe(
      sums.outputTokens,
    );
    for (const { reason, requests } of summary.misses)
      expect(page.sum('cachewright_misses_total', { reason })).toBe(requests);
  });

  it('has types, buckets that add up, and the attributes of the conventions', async () => {
    const metrics = metricsOf();
    metrics.ledger.add(
      recordOf({
        responseModel: 'claude-opus-5-5',
        usage: usageOf(tokens),
        cost: costOf(5n),
        status: 200,
        firstByteMs: 40,
        totalMs: 1_500,
      }),
    );
    metrics.ledger.add(recordOf({ status: 529, error: 'overloaded_error', totalMs: 12 }));
    const page = await scrape(metrics);
    expect(page.types.get('cachewright_cost_usd_total')).toBe('COUNTER');
    expect(page.types.get('cachewright_ledger_waiting')).toBe('GAUGE');
    expect(page.types.get('gen_ai_client_operation_duration')).toBe('HISTOGRAM');
    const common = {
      gen_ai_operation_name: 'chat',
      gen_ai_provider_name: 'anthropic',
      gen_ai_request_model: 'claude-opus-5-5',
    };
    expect(page.samples('gen_ai_client_operation_duration_sum')).toEqual([
      { labels: { ...common, gen_ai_response_model: 'claude-opus-5-5' }, value: 1.5 },
      { labels: { ...common, error_type: 'overloaded_error' }, value: 0.012 },
    ]);
    const buckets = page
      .samples('gen_ai_client_operation_time_to_first_chunk_bucket')
      .map(({ labels, value }) => [labels['le'], value]);
    expect(buckets.slice(3, 5)).toEqual([
      ['0.02', 0],
      ['0.04', 1],
    ]);
    expect(buckets.at(-1)).toEqual(['+Inf', 1]);
    expect(page.sum('cachewright_requests_total', { status_class: '5xx', mode: 'optimize' })).toBe(1);
  });

  it('tells a loss by a gauge that falls', async () => {
    const metrics = metricsOf();
    const lose = (): void =>
      metrics.ledger.add(
        recordOf({ savings: { noCachingPicoUsd: -(10n ** 12n), clientPicoUsd: 0n, automaticPicoUsd: 0n } }),
      );
    lose();
    expect((await scrape(metrics)).sum('cachewright_saved_usd')).toBe(-1);
    lose();
    const page = await scrape(metrics);
    expect(page.sum('cachewright_saved_usd')).toBe(-2);
    expect(page.types.get('cachewright_saved_usd')).toBe('GAUGE');
  });

  it('tells how long after its last use a prefix was wanted again', async () => {
    const metrics = metricsOf();
    const predicted = { ...tokens, estimatedTokens: 1, readLeftMs: 1 };
    const read = { usage: usageOf(tokens), prediction: { ...predicted, readAgeMs: 299_000, readTtl: '1h' } };
    const evidence = { ...nothingKnown, ageMs: 301_000 };
    const misses = [{ reason: 'expired', tokens: 5, costPicoUsd: 1n, evidence }] as const;
    metrics.ledger.add(recordOf({ ...read, misses } as Partial<RequestRecord>));
    metrics.ledger.add(recordOf({ usage: usageOf(tokens), prediction: predicted }));
    const page = await scrape(metrics);
    const name = 'cachewright_reuse_age_seconds';
    expect(page.samples(`${name}_sum`)).toEqual([
      { labels: { outcome: 'read_1h' }, value: 299 },
      { labels: { outcome: 'expired' }, value: 301 },
    ]);
    for (const [le, read1h, expired] of [
      ['120', 0, 0],
      ['300', 1, 0],
      ['600', 1, 1],
    ] as const) {
      expect(page.sum(`${name}_bucket`, { le, outcome: 'read_1h' })).toBe(read1h);
      expect(page.sum(`${name}_bucket`, { le, outcome: 'expired' })).toBe(expired);
    }
    expect(page.types.get('cachewright_keep_alive_saved_usd_total')).toBe('COUNTER');
    expect(page.sum('cachewright_keep_alive_saved_usd_total')).toBe(3e-12);
  });

  it('counts waits, exact answers and pings under labels of few values', async () => {
    const metrics = metricsOf();
    const gate = { role: 'follower', waitedMs: 700, followers: 0, savedTokens: 9, savedPicoUsd: 4n } as const;
    metrics.ledger.add(recordOf({ gate: { ...gate, end: 'begun' } }));
    metrics.ledger.add(recordOf({ gate: { ...gate, role: 'leader', end: null, waitedMs: 0 } }));
    const hit = { outcome: 'hit', detail: 'memory', ageMs: 5, savedPicoUsd: 10n ** 12n, savedMs: 3 } as const;
    metrics.ledger.add(recordOf({ responses: hit, cost: costOf(0n), totalMs: 4 }));
    metrics.ledger.addOwn(ownCostOf({ costPicoUsd: 2n * 10n ** 12n }));
    const page = await scrape(metrics);
    expect(page.samples('cachewright_gate_wait_seconds_sum')).toEqual([
      { labels: { role: 'follower', end: 'begun' }, value: 0.7 },
      { labels: { role: 'leader' }, value: 0 },
    ]);
    expect(page.sum('cachewright_responses_total', { outcome: 'hit' })).toBe(1);
    expect(page.sum('cachewright_responses_saved_usd', { outcome: 'hit' })).toBe(1);
    expect(page.sum('cachewright_own_cost_usd_total', { purpose: 'keep-alive' })).toBe(2);
    // Of the two that waited nobody knows what they cost; of the answer that was kept everybody does.
    expect(page.sum('cachewright_unbilled_requests_total')).toBe(2);
    // Nothing was asked of a model.
    expect(page.samples('gen_ai_client_operation_duration_count')).toEqual([]);
  });

  it('has as many series whatever clients send', async () => {
    const models = Array.from({ length: 300 }, (_none, index) => ({ id: `claude-opus-own-${index}` }));
    const metrics = createMetrics(createMemoryLedger(10), extendCatalogue(defaultCatalogue, models));
    const add = (count: number, more: (index: number) => Partial<RequestRecord>): void => {
      for (let index = 0; index < count; index += 1)
        metrics.ledger.add(recordOf({ usage: usageOf(tokens), totalMs: 5, ...more(index) }));
    };
    add(300, (index) => ({ model: `claude-opus-own-${index}`, scope: `s${index}`, tags: [`t${index}`] }));
    const before = await scrape(metrics);
    const seriesOf = (page: Scrape): number =>
      page.names.reduce((sum, name) => sum + page.samples(name).length, 0);
    add(2_000, (index) => ({
      model: `invented-${index}\n"}`,
      scope: `scope${index}`,
      tags: [`tag ${index}`],
      path: `/v1/messages/${index}`,
      error: `connect ECONNREFUSED 10.0.0.${index}`,
    }));
    const after = await scrape(metrics);
    expect(
      new Set(before.samples('cachewright_requests_total').map(({ labels }) => labels['model'])).size,
    ).toBe(65);
    expect(seriesOf(after) - seriesOf(before)).toBeLessThan(50);
    const text = JSON.stringify(after.names.map((name) => after.samples(name)));
    expect(text).not.toMatch(/invented|scope1|tag 1|10\.0\.0/);
  });

  it('reports how the ledger and the engine are', async () => {
    const ledger = {
      ...createMemoryLedger(),
      health: () => ({ waiting: 7, dropped: 3, problem: 'full disk' }),
    };
    const page = await scrape(metricsOf(ledger));
    expect(page.sum('cachewright_ledger_waiting')).toBe(7);
    expect(page.sum('cachewright_ledger_dropped_total')).toBe(3);
    expect(page.sum('cachewright_ledger_problem')).toBe(1);
    expect(page.samples('cachewright_engine_failures_total').map(({ labels }) => labels['kind'])).toEqual([
      'analysis',
      'account',
      'refused_plan',
      'metrics',
    ]);
  });

  it('reports how bills fit predictions, and that nothing is bad', async () => {
    const prediction = {
      readTokens: 20_000,
      write5mTokens: 0,
      write1hTokens: 0,
      uncachedTokens: 100,
      estimatedTokens: 20_100,
      readLeftMs: 200_000,
    };
    const written = {
      ...tokens,
      readTokens: 0,
      uncachedTokens: 100,
      write5mTokens: 20_000,
      write1hTokens: 0,
    };
    const page = await scrape(metricsOf(), [
      recordOf({ usage: usageOf(written), cost: costOf(5n), prediction }),
    ]);
    expect(page.sum('cachewright_integrity_checked_total')).toBe(1);
    expect(
      page.sum('cachewright_integrity_findings_total', { code: 'read_less', cause: 'unexplained' }),
    ).toBe(1);
    expect(page.sum('cachewright_integrity_findings_total', { cause: 'explained' })).toBe(0);
    expect(page.samples('cachewright_alerts_firing')).toEqual([{ labels: {}, value: 0 }]);
  });

  it('counts what it cannot count, and stores the record all the same', async () => {
    const ledger = createMemoryLedger();
    const metrics = metricsOf(ledger);
    metrics.ledger.add(
      recordOf({ cost: { ...costOf(5n), totalPicoUsd: 0.5 as unknown as bigint }, savings: null }),
    );
    expect(ledger.list(1)).toHaveLength(1);
    const page = await scrape(metrics);
    expect(page.sum('cachewright_engine_failures_total', { kind: 'metrics' })).toBe(1);
  });
});

function sumOf(push: ReceivedPush, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const points = push.metrics.get(name) ?? [];
  return points
    .filter((point) => Object.entries(labels).every(([key, value]) => point.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

describe('a gateway', () => {
  const USAGE = { input: 11, read: 300, write5m: 40, write1h: 5, output: 21 };

  async function startWatched(otlpPath = '/v1/metrics') {
    const receiver = cleanUp.add(await startOtlpReceiver());
    const upstream = cleanUp.add(
      await startRecordingUpstream((response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson(USAGE)),
      ),
    );
    const time = new ManualTime();
    const told: string[] = [];
    const gateway = await startTestGateway(upstream.url, {
      engine: { clock: time, timers: time },
      resource: { 'service.name': 'shop', 'service.instance.id': 'one' },
      otlp: { url: `${receiver.url}${otlpPath}`, everyMs: 60_000, tell: (sentence) => told.push(sentence) },
    });
    cleanUp.add(gateway);
    const ask = async (): Promise<void> => {
      await sendJson(gateway.url, longRequest({ model: 'claude-opus-5-5' }), { headers: ['x-api-key', 'k'] });
      await gateway.ledger.next();
    };
    return { receiver, gateway, time, told, ask };
  }

  it('pushes what the ledger holds, as a receiver of OTLP reads it', async () => {
    const { receiver, gateway, time, told, ask } = await startWatched();
    await ask();
    await ask();
    time.advance(60_000);
    const push = await receiver.next();
    const summary = gateway.ledger.summary();
    expect(push.path).toBe('/v1/metrics');
    expect(push.resource).toEqual({ 'service.name': 'shop', 'service.instance.id': 'one' });
    expect(sumOf(push, 'cachewright.requests')).toBe(2);
    expect(sumOf(push, 'cachewright.cost_usd')).toBe(summary.costUsd);
    expect(sumOf(push, 'cachewright.saved_usd', { counterfactual: 'no_caching' })).toBe(
      summary.savedUsd.noCaching,
    );
    for (const [kind, value] of [
      ['uncached', summary.uncachedTokens],
      ['read', summary.readTokens],
      ['write_5m', summary.write5mTokens],
      ['write_1h', summary.write1hTokens],
      ['output', summary.outputTokens],
    ] as const)
      expect(sumOf(push, 'cachewright.tokens', { kind })).toBe(value);
    expect(sumOf(push, 'gen_ai.client.token.usage', { 'gen_ai.token.type': 'input' })).toBe(2 * 356);
    const [duration] = push.metrics.get('gen_ai.client.operation.duration') ?? [];
    expect(duration).toMatchObject({
      count: 2,
      labels: { 'gen_ai.request.model': 'claude-opus-5-5', 'gen_ai.response.model': 'claude-opus-5-5' },
    });
    expect(told).toEqual([]);
  });

  it('pushes once more at its end, so that nothing is missing', async () => {
    const { receiver, gateway, ask } = await startWatched();
    await ask();
    await gateway.close();
    expect(sumOf(await receiver.next(), 'cachewright.requests')).toBe(1);
  });

  it('says once that the receiver fails, makes up for it later, and says so', async () => {
    const { receiver, gateway, time, told, ask } = await startWatched();
    receiver.answerWith(400);
    await ask();
    // With the timer for the next push set.
    const resting = time.waiting;
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
    };
    time.advance(60_000);
    await until(() => told.length === 1 && time.waiting === resting);
    time.advance(60_000);
    await until(() => receiver.pushes === 2 && time.waiting === resting);
    receiver.answerWith(200);
    await ask();
    time.advance(60_000);
    expect(sumOf(await receiver.next(), 'cachewright.requests')).toBe(2);
    await until(() => told.length === 2);
    const origin = new URL(receiver.url).origin;
    expect(told[0]).toMatch(new RegExp(`^metrics cannot be pushed to ${origin}: .*`));
    expect(told[1]).toBe(`metrics are pushed to ${origin} again`);
    expect(gateway.ledger.summary().requests).toBe(2);
  });

  it('answers /metrics in the text format, pushed or not', async () => {
    const { gateway, ask } = await startWatched();
    await ask();
    const { headers, body, status } = await send(gateway.admin.url, { method: 'GET', path: '/metrics' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const page = new Scrape(body.toString());
    expect(page.samples('target_info')).toEqual([
      { labels: { service_name: 'shop', service_instance_id: 'one' }, value: 1 },
    ]);
    expect(page.sum('cachewright_requests_total')).toBe(1);
  });

  it('does not start where metrics cannot be pushed at all', async () => {
    const otlp = { url: 'grpc://receiver:4317', everyMs: 1_000, tell: () => undefined };
    await expect(startTestGateway('http://127.0.0.1:9', { otlp })).rejects.toThrow(
      'metrics are pushed to an http or https URL',
    );
  });
});
