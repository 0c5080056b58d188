import type * as otelApi from '@opentelemetry/api';

import { toUsd, totalInputTokens } from '../core/index.ts';
import type { IncomingMessageRequest } from '../engine/index.ts';
import { hasTracing } from '../runtime/index.ts';

type Api = typeof otelApi;
type Span = otelApi.Span;
type RequestRecord = Parameters<NonNullable<IncomingMessageRequest['onRecord']>>[0];

/**
 * What is noted on the span that is active when a request is made. `off`: nothing. The others name how written tokens are
 * called where nobody else has noted the usage: `cache_write` is the name of the conventions, `cache_creation` the older one.
 */
export type SpanNotes = 'off' | 'cache_write' | 'cache_creation';

/** Sums over all requests that were made within one span: tries of one call, or calls within one job. */
interface SpanSums {
  requests: number;
  costPicoUsd: bigint;
  noCachingPicoUsd: bigint;
  clientPicoUsd: bigint;
  automaticPicoUsd: bigint;
  inputTokens: number;
  readTokens: number;
  writeTokens: number;
  outputTokens: number;
  /** Of the newest answer. */
  responseModel: string | null;
  readonly missReasons: Set<string>;
}

const noSums = (): SpanSums => ({
  requests: 0,
  costPicoUsd: 0n,
  noCachingPicoUsd: 0n,
  clientPicoUsd: 0n,
  automaticPicoUsd: 0n,
  inputTokens: 0,
  readTokens: 0,
  writeTokens: 0,
  outputTokens: 0,
  responseModel: null,
  missReasons: new Set(),
});

function addRecord(sums: SpanSums, { usage, cost, savings, misses, responseModel }: RequestRecord): void {
  sums.requests += 1;
  sums.responseModel = responseModel ?? sums.responseModel;
  if (cost) sums.costPicoUsd += cost.totalPicoUsd;
  if (savings) {
    sums.noCachingPicoUsd += savings.noCachingPicoUsd;
    sums.clientPicoUsd += savings.clientPicoUsd;
    sums.automaticPicoUsd += savings.automaticPicoUsd;
  }
  for (const { reason } of misses) sums.missReasons.add(reason);
  if (!usage) return;
  sums.inputTokens += totalInputTokens(usage);
  sums.readTokens += usage.readTokens;
  sums.writeTokens += usage.write5mTokens + usage.write1hTokens;
  sums.outputTokens += usage.outputTokens;
}

/** Whose attributes say that an instrumentation notes the usage itself: a second time would double it. */
const OTHERS = /^(?:gen_ai|ai|llm)\./;

/** Only the spans of the SDK for traces can be read; of others nobody knows, and nothing is added. */
function lacksUsage(span: Span): boolean {
  const attributes: unknown = 'attributes' in span ? span.attributes : null;
  if (typeof attributes !== 'object' || attributes === null) return false;
  return !Object.keys(attributes).some((name) => OTHERS.test(name));
}

/** Spans that the usage is noted on, and sums of what was noted. */
interface NotedSpan {
  readonly sums: SpanSums;
  readonly notesUsage: boolean;
}

function usageAttributes(sums: SpanSums, notes: SpanNotes): otelApi.Attributes {
  const written = notes === 'cache_creation' ? 'cache_creation' : 'cache_write';
  return {
    ...(sums.responseModel !== null && { 'gen_ai.response.model': sums.responseModel }),
    'gen_ai.usage.input_tokens': sums.inputTokens,
    'gen_ai.usage.output_tokens': sums.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': sums.readTokens,
    [`gen_ai.usage.${written}.input_tokens`]: sums.writeTokens,
  };
}

function ownAttributes(sums: SpanSums, id: string): otelApi.Attributes {
  return {
    'cachewright.request_id': id,
    'cachewright.requests': sums.requests,
    'cachewright.cost_usd': toUsd(sums.costPicoUsd),
    'cachewright.saved_usd.no_caching': toUsd(sums.noCachingPicoUsd),
    'cachewright.saved_usd.client': toUsd(sums.clientPicoUsd),
    'cachewright.saved_usd.automatic': toUsd(sums.automaticPicoUsd),
    ...(sums.missReasons.size > 0 && { 'cachewright.miss_reasons': [...sums.missReasons] }),
  };
}

/** Notes on spans what requests cost. */
export interface SpanNotepad {
  /** Begins a request; what it gives is told the record, and notes it on the span that was active at the beginning. */
  begin(): ((record: RequestRecord) => void) | null;
}

/**
 * Attributes on the span that is active, and never a span of our own: instrumentations of SDKs have one for each call, and
 * a second would double every sum over spans. Loads OpenTelemetry only in applications that have set it up.
 */
export function createSpanNotepad(notes: SpanNotes): SpanNotepad {
  const noted = new WeakMap<Span, NotedSpan>();
  let api: Api | null = null;
  let loading: Promise<Api | null> | null = null;
  const load = async (): Promise<Api | null> => {
    api = await import('@opentelemetry/api').catch(() => null);
    return api;
  };
  const note = (span: Span | undefined, record: RequestRecord): void => {
    if (!span?.isRecording()) return;
    const known = noted.get(span) ?? { sums: noSums(), notesUsage: lacksUsage(span) };
    noted.set(span, known);
    addRecord(known.sums, record);
    span.setAttributes(ownAttributes(known.sums, record.id));
    if (known.notesUsage) span.setAttributes(usageAttributes(known.sums, notes));
  };
  return {
    begin() {
      if (notes === 'off' || !hasTracing()) return null;
      if (api) {
        const span = api.trace.getActiveSpan();
        return span ? (record) => note(span, record) : null;
      }
      // The first request of all: the span is looked up once that can be done, which still is within its own context.
      loading ??= load();
      let span: Span | undefined;
      void loading.then((loaded) => (span = loaded?.trace.getActiveSpan()));
      return (record) => note(span, record);
    },
  };
}
