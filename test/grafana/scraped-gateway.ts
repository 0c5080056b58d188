import parsePrometheusText from 'parse-prometheus-text-format';

import { nothingKnown, type RequestRecord } from '../../src/ledger/index.ts';
import { noTokens } from '../../src/core/index.ts';
import { startTestGateway, type CleanUp } from '../support/gateway.ts';
import { send, sendJson } from '../support/http-client.ts';
import { longRequest, messageJson } from '../support/messages.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';
import { startRecordingUpstream } from '../support/upstream.ts';

/** Labels of every point of a metric, by its name. */
export type Scraped = ReadonlyMap<string, readonly Readonly<Record<string, string>>[]>;

const tokens = { ...noTokens, readTokens: 9_000, write5mTokens: 10, outputTokens: 5 };

function readWith(readTtl: '5m' | '1h'): Partial<RequestRecord> {
  const ages = { estimatedTokens: 9_000, readLeftMs: 1, readAgeMs: 1_000, readTtl };
  return { usage: usageOf(tokens), cost: costOf(5n), prediction: { ...tokens, ...ages } };
}

/** What one request of a test does not bring. */
const RARE: readonly Partial<RequestRecord>[] = [
  readWith('5m'),
  readWith('1h'),
  {
    misses: [
      { reason: 'expired', tokens: 9, costPicoUsd: 9n, evidence: { ...nothingKnown, ageMs: 400_000 } },
    ],
  },
  { status: 529, error: 'overloaded_error', totalMs: 12 },
  { responses: { outcome: 'hit', detail: 'memory', ageMs: 5, savedPicoUsd: 7n, savedMs: 3 } },
  {
    gate: { role: 'follower', end: 'begun', waitedMs: 7, followers: 0, savedTokens: 9, savedPicoUsd: 4n },
  },
  { status: 0, error: 'client_left' },
];

function readScrape(text: string): Scraped {
  // Without types the parser gives every line of a histogram as it stands.
  const families = parsePrometheusText(text.replaceAll(/^# TYPE .*\n/gm, '')) as readonly {
    readonly name: string;
    readonly metrics: readonly { readonly labels?: Readonly<Record<string, string>> }[];
  }[];
  const points = new Map<string, Readonly<Record<string, string>>[]>();
  for (const { name, metrics } of families)
    points.set(name, [...(points.get(name) ?? []), ...metrics.map(({ labels = {} }) => labels)]);
  return points;
}

/** What `/metrics` of a gateway says after a request and whatever else may happen to it. */
export async function scrapeGateway(cleanUp: CleanUp): Promise<Scraped> {
  const upstream = cleanUp.add(
    await startRecordingUpstream((response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(messageJson({ input: 11, read: 300, write5m: 40, write1h: 5, output: 21 })),
    ),
  );
  const gateway = cleanUp.add(await startTestGateway(upstream.url));
  await sendJson(gateway.url, longRequest({ model: 'claude-opus-5-5' }), { headers: ['x-api-key', 'k'] });
  await gateway.ledger.next();
  const { ledger, integrity } = gateway.engine.options;
  for (const [index, more] of RARE.entries()) ledger.add(recordOf({ id: `req_${index}`, ...more }));
  // A bill that differs from its prediction.
  integrity.check(recordOf({ ...readWith('5m'), usage: usageOf({ ...tokens, readTokens: 0 }) }));
  ledger.addOwn(ownCostOf({ costPicoUsd: 2n }));
  const { body } = await send(gateway.admin.url, { method: 'GET', path: '/metrics' });
  return readScrape(body.toString());
}
