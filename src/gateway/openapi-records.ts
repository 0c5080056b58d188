import {
  decimal,
  flag,
  listOf,
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
} from './openapi-parts.ts';

const usage = object({
  ...tokenCounts,
  serviceTier: orNull(text),
  speed: orNull(text),
  inferenceGeo: orNull(text),
  serverToolUse: object({
    webSearchRequests: whole,
    webFetchRequests: whole,
    codeExecutionRequests: whole,
  }),
  iterations: orNull(listOf(object({ ...tokenCounts, type: text, model: orNull(text) }))),
});

const cost = object({
  uncachedPicoUsd: picoUsd,
  readPicoUsd: picoUsd,
  write5mPicoUsd: picoUsd,
  write1hPicoUsd: picoUsd,
  outputPicoUsd: picoUsd,
  serverToolsPicoUsd: picoUsd,
  totalPicoUsd: picoUsd,
});

const miss = object({
  reason: text,
  tokens: whole,
  costPicoUsd: picoUsd,
  evidence: object({
    detail: orNull(text),
    level: orNull(oneOf('tools', 'system', 'messages')),
    path: orNull(text),
    byteRange: orNull({ type: 'array', items: whole, minItems: 2, maxItems: 2 }),
    previousId: orNull(text),
    ageMs: orNull(decimal),
    minimumTokens: orNull(whole),
  }),
});

const byLevel = object({ tools: whole, system: whole, messages: whole });
const shape = object(
  {
    blocks: byLevel,
    bytes: byLevel,
    toolsHash: orNull(text),
    systemHash: orNull(text),
    settingsHash: text,
    lastHashes: listOf(whole),
  },
  'What the prompt was made of: counts and hashes, no text.',
);

const diagnostics = object(
  { reason: orNull(text), missedTokens: orNull(whole), isPending: flag, isDisputed: flag },
  'What the service itself said about the miss.',
);

const plan = object({
  added: listOf(object({ place: text, path: text, ttl: text, reason: text })),
  declined: listOf(object({ place: text, reason: text })),
  isApplied: flag,
});

const gateRecord = object({
  role: oneOf('follower', 'leader'),
  end: orNull(oneOf('begun', 'failed', 'deadline', 'left')),
  waitedMs: decimal,
  followers: whole,
  savedTokens: whole,
  savedPicoUsd: picoUsd,
});

const responseRecord = object({
  outcome: oneOf('hit', 'collapsed', 'stored', 'miss', 'bypass'),
  detail: orNull(text),
  ageMs: orNull(decimal),
  savedPicoUsd: orNull(picoUsd),
  savedMs: orNull(decimal),
});

/** A record as `/api/v1/requests` shows it. */
export const recordSchema: JsonSchema = object({
  id: text,
  atMs: timeMs,
  scope: { ...text, description: 'Pseudonym of whose cache it uses.' },
  tags: listOf(text),
  path: text,
  model: text,
  modelNote: orNull(text),
  'responseModel?': orNull({ ...text, description: 'Model id as the answer has it.' }),
  mode: oneOf('off', 'observe', 'optimize'),
  status: { ...whole, description: '0 when no answer came.' },
  messageId: orNull(text),
  stopReason: orNull(text),
  usage: orNull(usage),
  cost: orNull(cost),
  costUsd: orNull(usd),
  prediction: orNull(
    object({
      readTokens: whole,
      write5mTokens: whole,
      write1hTokens: whole,
      uncachedTokens: whole,
      estimatedTokens: whole,
      readLeftMs: orNull(decimal),
      'readAgeMs?': orNull(decimal),
      'readTtl?': orNull(oneOf('5m', '1h')),
    }),
  ),
  savings: orNull(object({ noCachingPicoUsd: picoUsd, clientPicoUsd: picoUsd, automaticPicoUsd: picoUsd })),
  misses: listOf(miss),
  shape: orNull(shape),
  diagnostics: orNull(diagnostics),
  plan: orNull(plan),
  gate: orNull(gateRecord),
  responses: orNull(responseRecord),
  skipReason: orNull(text),
  isResent: flag,
  isPartial: flag,
  error: orNull(text),
  firstByteMs: orNull(decimal),
  totalMs: orNull(decimal),
});
