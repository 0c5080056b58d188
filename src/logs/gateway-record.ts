import { isObject, type CostParts, type JsonObject } from '../core/index.ts';
import { readUsage, type BilledUsage } from '../wire/index.ts';
import type { LoggedCall, MissEvidence, RecordedCall } from './logged-call.ts';

/** Does the value look like a record of the gateway's ledger, written as JSON with its bigints as decimal strings? */
export function isGatewayRecord(value: JsonObject): boolean {
  return typeof value['atMs'] === 'number' && typeof value['scope'] === 'string' && 'cost' in value;
}

const EVIDENCE: Readonly<Record<string, MissEvidence>> = {
  model_changed: 'changed_model',
  tools_changed: 'changed_tools',
  system_changed: 'changed_system',
  messages_changed: 'changed_messages',
  in_flight: 'in_flight',
  expired: 'expired',
  below_minimum: 'below_minimum',
  // An entry that no breakpoint looks back to is as good as none.
  outside_lookback: 'unmarked',
};

/** A setting changes the prompt from a level on: told by that level. */
const PARAMETER_EVIDENCE: Readonly<Record<string, MissEvidence>> = {
  tools: 'changed_tools',
  system: 'changed_system',
  messages: 'changed_messages',
};

const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

function picoOf(value: unknown): bigint | null {
  return typeof value === 'string' && /^-?\d{1,30}$/.test(value) ? BigInt(value) : null;
}

function costOf(value: unknown): CostParts | null {
  if (!isObject(value)) return null;
  const part = (name: string): bigint => picoOf(value[name]) ?? 0n;
  const parts = {
    uncachedPicoUsd: part('uncachedPicoUsd'),
    readPicoUsd: part('readPicoUsd'),
    write5mPicoUsd: part('write5mPicoUsd'),
    write1hPicoUsd: part('write1hPicoUsd'),
    outputPicoUsd: part('outputPicoUsd'),
    serverToolsPicoUsd: part('serverToolsPicoUsd'),
  };
  return { ...parts, totalPicoUsd: Object.values(parts).reduce((sum, own) => sum + own, 0n) };
}

function evidenceOf({ reason, evidence }: JsonObject): MissEvidence {
  const { level = null, detail = null } = isObject(evidence) ? evidence : {};
  if (reason === 'never_written') return detail === null || detail === 'first' ? 'never_written' : 'unmarked';
  const known =
    reason === 'parameters_changed' ? PARAMETER_EVIDENCE[String(level)] : EVIDENCE[String(reason)];
  return known ?? 'not_told';
}

function missesOf(misses: unknown): RecordedCall['misses'] {
  const list: readonly unknown[] = Array.isArray(misses) ? misses : [];
  return list
    .filter(isObject)
    .map((miss) => ({ evidence: evidenceOf(miss), tokens: countOf(miss['tokens']) }));
}

function recordedOf(record: JsonObject): RecordedCall | null {
  const cost = costOf(record['cost']);
  if (!cost) return null;
  const { misses, prediction, savings } = record;
  return {
    cost,
    misses: missesOf(misses),
    predictedReadTokens: isObject(prediction) ? countOf(prediction['readTokens']) : null,
    automaticExtraPicoUsd: (isObject(savings) ? picoOf(savings['automaticPicoUsd']) : null) ?? 0n,
  };
}

/** The counters as the ledger names them; the rest of a usage does not matter, since the record has its own bill. */
function usageOf(value: unknown): BilledUsage | null {
  const empty = readUsage({});
  if (!isObject(value) || !empty) return null;
  return {
    ...empty,
    uncachedTokens: countOf(value['uncachedTokens']),
    readTokens: countOf(value['readTokens']),
    write5mTokens: countOf(value['write5mTokens']),
    write1hTokens: countOf(value['write1hTokens']),
    outputTokens: countOf(value['outputTokens']),
  };
}

/** A record of the gateway's export as a call; null for one that was never billed. */
export function gatewayCall(record: JsonObject): LoggedCall | null {
  const usage = usageOf(record['usage']);
  const recorded = recordedOf(record);
  const { id, atMs, model, scope, firstByteMs } = record;
  if (!usage || !recorded || typeof id !== 'string' || typeof atMs !== 'number') return null;
  if (typeof model !== 'string' || typeof scope !== 'string') return null;
  return {
    format: 'gateway',
    key: `gateway\n${id}`,
    conversation: `gateway\n${scope}`,
    atMs,
    readyMs: atMs + (typeof firstByteMs === 'number' ? firstByteMs : 0),
    isDated: true,
    model,
    usage,
    history: 'unknown',
    extendsKey: null,
    clientVersion: null,
    evidence: null,
    prompt: null,
    recorded,
  };
}
