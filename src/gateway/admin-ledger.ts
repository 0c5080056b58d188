import type { Context, Hono } from 'hono';

import {
  EXPORT_FORMATS,
  exportRows,
  showRecord,
  showReuse,
  showTimelineRow,
  type ExportFormat,
  type Ledger,
  type TimelineRow,
} from '../ledger/index.ts';
import { BadQueryError, readFilter, readListFilter, readWhole, readWord } from './admin-query.ts';

/** Records in one answer of `/api/v1/requests`: by default and at the most. */
const LIMIT = { min: 1, max: 1_000, otherwise: 100 };
/** Length of a timeline's buckets: from five minutes to a year, an hour by default. */
const BUCKET = { min: 300_000, max: 365 * 86_400_000, otherwise: 3_600_000 };

const MEDIA_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/x-ndjson',
};

/** What the adapter of the server gives to handlers. */
interface ServerEnv {
  readonly outgoing?: { destroy(): void };
}

async function* toBytes(texts: AsyncIterable<string>, breakOff: () => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const text of texts) yield Buffer.from(text);
  } catch {
    breakOff();
  }
}

/**
 * A body that is made while it is read. What fails in between breaks the connection off, so that half of it does not pass
 * for all; left to the adapter the failure would be printed with its stack.
 */
function streamed(
  { env }: Context,
  texts: AsyncIterable<string>,
  headers: Readonly<Record<string, string>>,
): Response {
  const body = ReadableStream.from(toBytes(texts, () => (env as ServerEnv).outgoing?.destroy()));
  return new Response(body, { headers: { ...headers } });
}

/** The same items, of which the first is there already: a ledger that cannot be read says so before anything is answered. */
async function begin<Item>(items: AsyncIterable<Item>): Promise<AsyncIterable<Item>> {
  const iterator = items[Symbol.asyncIterator]();
  let first: IteratorResult<Item> | null = await iterator.next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const item = first ?? (await iterator.next());
        first = null;
        return item;
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    }),
  };
}

async function* timelineText(bucketMs: number, rows: readonly TimelineRow[]): AsyncGenerator<string> {
  yield `{"bucketMs":${bucketMs},"rows":[`;
  for (const [index, row] of rows.entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(showTimelineRow(row))}`;
  }
  yield ']}';
}

async function readTimeline(
  ledger: Ledger,
  filter: ReturnType<typeof readFilter>,
  bucketMs: number,
): Promise<readonly TimelineRow[]> {
  if (bucketMs % BUCKET.min !== 0)
    throw new BadQueryError(`bucketMs must be a whole multiple of ${BUCKET.min}, got ${bucketMs}`);
  return ledger.timeline(filter, bucketMs);
}

/** What the ledger holds: sums, sums by time, records, and all of it as a file. */
export function addLedgerRoutes(app: Hono, ledger: Ledger): void {
  app.get('/api/v1/summary', async (context) => context.json(await ledger.summary(readFilter(context))));
  app.get('/api/v1/requests', async (context) => {
    const limit = readWhole(context, 'limit', LIMIT);
    const records = await ledger.list(limit, context.req.query('before'), readListFilter(context));
    return context.json({ requests: records.map(showRecord) });
  });
  app.get('/api/v1/timeline', async (context) => {
    const bucketMs = readWhole(context, 'bucketMs', BUCKET);
    const rows = await readTimeline(ledger, readFilter(context), bucketMs);
    return streamed(context, timelineText(bucketMs, rows), { 'content-type': 'application/json' });
  });
  app.get('/api/v1/reuse', async (context) =>
    context.json(showReuse(await ledger.reuse(readFilter(context)))),
  );
  app.get('/api/v1/export', async (context) => {
    const format = readWord(context, 'format', EXPORT_FORMATS);
    const filter = readFilter(context);
    const requests = await begin(ledger.export(filter));
    const source = { requests, own: ledger.exportOwn(filter) };
    return streamed(context, exportRows(format, source), {
      'content-type': MEDIA_TYPES[format],
      'content-disposition': `attachment; filename="cachewright.${format}"`,
    });
  });
}
