import { KEEP_ALIVE_STATES } from '../engine/index.ts';

import {
  counts,
  decimal,
  flag,
  listOf,
  named,
  object,
  oneOf,
  orNull,
  picoUsd,
  text,
  timeMs,
  tokenCounts,
  usd,
  whole,
  type JsonSchema,
  type Members,
} from './openapi-parts.ts';
import { bodiesHealthSchema, bodiesSchema, bodyChoiceSchema } from './openapi-bodies.ts';
import { recordSchema } from './openapi-records.ts';

const savedUsd = object({ noCaching: usd, client: usd, automatic: usd }, 'Signed: negative is a loss.');
const counted: Members = {
  unreported: {
    ...whole,
    description: 'Requests that were sent and told no usage: what they cost is not known, which is not 0.',
  },
  disputed: {
    ...whole,
    description: 'Requests of which the service says another reason of a miss than Cachewright does.',
  },
};
const missSum: Members = { reason: text, requests: whole, costUsd: usd };

const summary = object({
  requests: whole,
  costPicoUsd: picoUsd,
  costUsd: usd,
  ...tokenCounts,
  hitRatio: orNull({ ...decimal, description: 'Read tokens over total input tokens; null without input.' }),
  ownCostUsd: { ...usd, description: 'What the gateway spent itself: pings and warming.' },
  savedUsd,
  netSavedUsd: { ...savedUsd, description: 'The same, less what the gateway spent itself.' },
  ...counted,
  misses: listOf(object(missSum)),
});

const timelineRow = object({
  atMs: { ...timeMs, description: 'When the bucket begins.' },
  model: text,
  requests: whole,
  ...counted,
  ownRequests: { ...whole, description: 'Sent by the gateway itself; not among the requests.' },
  responsesHit: { ...whole, description: 'What exact answers did, by outcome.' },
  responsesCollapsed: whole,
  responsesStored: whole,
  responsesMissed: whole,
  responsesBypassed: whole,
  ...tokenCounts,
  costPicoUsd: picoUsd,
  costUsd: usd,
  savedUsd,
  ownCostUsd: usd,
  misses: listOf(object({ ...missSum, tokens: whole })),
});

const reuseBin = object(
  {
    fromMs: decimal,
    toMs: orNull(decimal),
    read5m: { ...whole, description: 'Requests that read an entry of five minutes.' },
    read1h: { ...whole, description: 'Requests that read an entry of an hour.' },
    expired: { ...whole, description: 'Requests that came too late.' },
    expiredCostPicoUsd: picoUsd,
    expiredCostUsd: { ...usd, description: 'What that cost beyond reading.' },
  },
  'Requests that wanted a prefix again so long after its last use: from one time on, and before another.',
);

const finding = object({
  code: text,
  scope: text,
  model: text,
  application: whole,
  sentence: text,
  advice: text,
  path: orNull(text),
  ranges: listOf({ type: 'object' }),
  moved: listOf(text),
  ttl: orNull(oneOf('5m', '1h')),
  seen: whole,
  requests: whole,
  lostTokens: whole,
  costPicoUsd: picoUsd,
  costUsd: usd,
  firstMs: timeMs,
  lastMs: timeMs,
});

const money = (name: string): Members => ({ [`${name}PicoUsd`]: picoUsd, [`${name}Usd`]: usd });
const pingMoney: Members = { ...money('cost'), ...money('saved'), ...money('net') };
const pingTotals = object({ pings: whole, used: whole, ...pingMoney });

const keepAlive = object({
  state: text,
  isKilled: flag,
  scopes: { type: 'object', additionalProperties: text },
  kept: whole,
  heldBytes: whole,
  inFlight: whole,
  letGo: counts,
  failures: whole,
  note: orNull(text),
  totals: pingTotals,
  observed: { ...pingTotals, description: 'What pings would have come to that were not sent.' },
  pings: listOf(
    object({ id: text, atMs: timeMs, model: text, status: whole, isUsed: orNull(flag), ...pingMoney }),
  ),
});

const gate = object({
  waiting: whole,
  writing: whole,
  waitedRequests: whole,
  waitedMs: decimal,
  deadlines: whole,
  savedTokens: whole,
  savedPicoUsd: picoUsd,
  savedUsd: usd,
});

const reasons: JsonSchema = {
  type: 'object',
  additionalProperties: whole,
  description: 'How often, by reason.',
};

const responses = object({
  isOn: flag,
  requests: whole,
  hits: object({ memory: whole, store: whole }),
  stale: whole,
  collapsed: whole,
  misses: whole,
  bypassed: reasons,
  stored: whole,
  notStored: reasons,
  savedPicoUsd: picoUsd,
  savedUsd: usd,
  unpriced: { ...whole, description: 'Hits of which nobody can tell what they saved.' },
  savedMs: decimal,
  ageMs: { ...decimal, description: 'Of all hits together.' },
  oldestMs: decimal,
  memory: object({ entries: whole, bytes: whole }),
  store: object({
    kind: orNull(text),
    calls: whole,
    failures: whole,
    isFailing: { ...flag, description: 'The last call failed.' },
    timeouts: whole,
    callMs: decimal,
    readBytes: whole,
    writtenBytes: whole,
    tooLarge: whole,
    unreadable: reasons,
  }),
});

const purgeOrder: JsonSchema = {
  ...object({
    'key?': text,
    'tag?': text,
    'model?': text,
    'content?': { ...text, description: 'A version of a content.' },
    'scope?': { ...text, description: 'Pseudonym of a scope, as records have it.' },
    'all?': { const: true },
  }),
  minProperties: 1,
  maxProperties: 1,
};

const ready = object({
  ok: flag,
  ledger: object({ waiting: whole, dropped: whole, problem: orNull(text) }),
  bodies: orNull(bodiesHealthSchema),
  counters: object({ failedAnalyses: whole, failedAccounts: whole, refusedPlans: whole }),
});

const integrity = object({
  checked: { ...whole, description: 'Requests whose bill could be held against a prediction.' },
  fitting: whole,
  counts: listOf(object({ code: text, requests: whole, unexplained: whole })),
  estimates: {
    type: 'object',
    additionalProperties: object({ ratio: decimal, samples: whole }),
    description: 'Billed over estimated tokens, by model.',
  },
  failedHooks: whole,
  findings: listOf(
    object({
      code: oneOf('read_less', 'read_more', 'not_written', 'ttl_downgraded', 'estimate_drift'),
      cause: oneOf('near_expiry', 'other_writer', 'near_minimum', 'unexplained'),
      requestId: text,
      atMs: timeMs,
      scope: text,
      model: text,
      expectedTokens: whole,
      billedTokens: whole,
      costPicoUsd: picoUsd,
      costUsd: usd,
      sentence: text,
    }),
  ),
});

const alert = object({
  rule: text,
  state: oneOf('firing', 'recovered'),
  atMs: timeMs,
  scope: orNull(text),
  model: orNull(text),
  value: decimal,
  usual: orNull({ ...decimal, description: 'What was usual, or the limit; null without either.' }),
  samples: whole,
  isNewNormal: flag,
  sentence: text,
});

/** What answers are made of, by name. */
export const openApiSchemas: Members = {
  Error: object({ error: text }),
  Root: object({ cachewright: oneOf('admin'), upstream: text, mode: text, endpoints: listOf(text) }),
  Health: object({ ok: flag }),
  Ready: ready,
  Summary: summary,
  Timeline: object({ bucketMs: whole, rows: listOf(timelineRow) }),
  Reuse: object({
    bins: listOf(reuseBin),
    unknown: { ...whole, description: 'Requests of which nobody knows after how long.' },
  }),
  Record: recordSchema,
  Records: object({ requests: listOf(named('Record')) }),
  Bodies: bodiesSchema,
  BodyChoice: bodyChoiceSchema,
  BodiesPurged: object({ purged: named('BodyChoice'), requests: whole }),
  Findings: object({ findings: listOf(finding) }),
  Gate: gate,
  Integrity: integrity,
  Alerts: object({ firing: listOf(alert), alerts: listOf(alert) }),
  KeepAlive: keepAlive,
  Responses: responses,
  PurgeOrder: purgeOrder,
  Purged: object({ purged: named('PurgeOrder') }),
  KeepAliveOrder: object({
    state: orNull(oneOf(...KEEP_ALIVE_STATES)),
    'scope?': orNull({ ...text, description: 'One scope; without it, all.' }),
  }),
};
