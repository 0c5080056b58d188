import { defaultCatalogue, resolveModel, totalInputTokens, type Catalogue } from '../../core/index.ts';
import type { Prediction, RecordedUsage, RequestRecord } from '../record.ts';
import type { IntegrityCause, IntegrityCode, IntegrityFinding } from './finding.ts';

/** How much a bill may differ before it counts. */
export interface IntegrityTolerance {
  /** Tokens that never count. @default 256 */
  readonly toleranceTokens: number;
  /** Share of all input that never counts: predictions are made of estimates. @default 0.1 */
  readonly toleranceShare: number;
  /** An entry with less than this to live may be gone when the request arrives. @default 10000 */
  readonly expiryMarginMs: number;
  /** Share around the model's minimum within which an estimate does not tell on which side a prefix lies. @default 0.25 */
  readonly minimumShare: number;
  readonly catalogue: Catalogue;
}

export const defaultTolerance: IntegrityTolerance = {
  toleranceTokens: 256,
  toleranceShare: 0.1,
  expiryMarginMs: 10_000,
  minimumShare: 0.25,
  catalogue: defaultCatalogue,
};

interface Difference {
  readonly code: IntegrityCode;
  readonly cause: IntegrityCause;
  readonly expectedTokens: number;
  readonly billedTokens: number;
}

/** A record that can be judged: a whole answer, its bill, and what the model had said. */
interface Judgeable {
  readonly record: RequestRecord;
  readonly expected: Prediction;
  readonly billed: RecordedUsage;
  readonly slackTokens: number;
  readonly tolerance: IntegrityTolerance;
}

const writesOf = ({ write5mTokens, write1hTokens }: Prediction | RecordedUsage): number =>
  write5mTokens + write1hTokens;

function downgradeOf({ expected, billed, slackTokens }: Judgeable): Difference | null {
  const missing = expected.write1hTokens - billed.write1hTokens;
  const extra = billed.write5mTokens - expected.write5mTokens;
  if (missing <= slackTokens || extra < missing - slackTokens) return null;
  return {
    code: 'ttl_downgraded',
    cause: 'unexplained',
    expectedTokens: expected.write1hTokens,
    billedTokens: billed.write1hTokens,
  };
}

function readDifferenceOf({ expected, billed, slackTokens, tolerance }: Judgeable): Difference | null {
  const more = billed.readTokens - expected.readTokens;
  if (Math.abs(more) <= slackTokens) return null;
  const isNearExpiry = expected.readLeftMs !== null && expected.readLeftMs <= tolerance.expiryMarginMs;
  const lessCause: IntegrityCause = isNearExpiry ? 'near_expiry' : 'unexplained';
  return {
    code: more > 0 ? 'read_more' : 'read_less',
    cause: more > 0 ? 'other_writer' : lessCause,
    expectedTokens: expected.readTokens,
    billedTokens: billed.readTokens,
  };
}

function missingWriteOf(judgeable: Judgeable): Difference | null {
  const { record, expected, billed, slackTokens, tolerance } = judgeable;
  const expectedTokens = writesOf(expected);
  const billedTokens = writesOf(billed);
  if (expectedTokens - billedTokens <= slackTokens) return null;
  const { minCacheableTokens } = resolveModel(record.model, tolerance.catalogue).facts;
  const prefix = expected.readTokens + expectedTokens;
  const isNear = prefix < minCacheableTokens * (1 + tolerance.minimumShare);
  return {
    code: 'not_written',
    cause: isNear ? 'near_minimum' : 'unexplained',
    expectedTokens,
    billedTokens,
  };
}

/** Only whole answers with a bill and a forecast can be judged. */
export function canBeJudged({ usage, prediction, isPartial, status }: RequestRecord): boolean {
  return usage !== null && prediction !== null && !isPartial && status >= 200 && status < 300;
}

function judgeableOf(record: RequestRecord, tolerance: IntegrityTolerance): Judgeable | null {
  const { usage, prediction } = record;
  if (!usage || !prediction || !canBeJudged(record)) return null;
  const share = tolerance.toleranceShare * totalInputTokens(usage);
  const slackTokens = Math.max(tolerance.toleranceTokens, share);
  return { record, expected: prediction, billed: usage, slackTokens, tolerance };
}

/** With commas between thousands. `toLocaleString` takes longer than everything else about a bill. */
const count = (tokens: number): string =>
  `${String(Math.round(tokens)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')} tokens`;

const CAUSES: Readonly<Record<IntegrityCause, string>> = {
  near_expiry: 'the entry was about to expire',
  other_writer: 'another program wrote them, or an entry outlived its TTL',
  near_minimum: 'the prefix lies so near to the minimum that the estimate may err',
  unexplained: 'nothing that is known here explains it',
};

const FACTS: Readonly<Record<IntegrityCode, (expected: string, billed: string) => string>> = {
  read_less: (expected, billed) => `${expected} should have been read, and ${billed} were`,
  read_more: (expected, billed) => `${billed} were read where ${expected} were known of`,
  not_written: (expected, billed) => `${expected} should have been written, and ${billed} were`,
  ttl_downgraded: (expected, billed) => `${expected} were to live for an hour, and ${billed} were billed so`,
  estimate_drift: (expected, billed) => `estimates say ${expected} where bills say ${billed}`,
};

/** A difference with its record and its sentence. */
export function findingOf(record: RequestRecord, difference: Difference): IntegrityFinding {
  const { id, atMs, scope, model, misses } = record;
  const { code, cause, expectedTokens, billedTokens } = difference;
  const fact = FACTS[code](count(expectedTokens), count(billedTokens));
  return {
    ...difference,
    requestId: id,
    atMs,
    scope,
    model,
    costPicoUsd: misses.reduce((sum, miss) => sum + miss.costPicoUsd, 0n),
    sentence: `${fact}: ${CAUSES[cause]}.`,
  };
}

/**
 * Holds one bill against its prediction; null where it fits, or where it cannot be told.
 *
 * A shorter TTL goes before everything else, and what was read differently before what was written differently: a request
 * that reads less has to write more.
 */
export function judgeRecord(record: RequestRecord, tolerance: IntegrityTolerance): IntegrityFinding | null {
  const judgeable = judgeableOf(record, tolerance);
  if (!judgeable) return null;
  const difference = downgradeOf(judgeable) ?? readDifferenceOf(judgeable) ?? missingWriteOf(judgeable);
  return difference && findingOf(record, difference);
}
