import { isObject, type TokenCounts } from '../core/index.ts';

/** What was added before a call, or what it answered: kind of block and its size. */
export interface SizedPart {
  readonly kind: string;
  readonly characters: number;
}

/** One line of a usage-form file: a real call with its billed usage and no text. Times in seconds from a day's start. */
export interface UsageFormCall {
  readonly session: string;
  /** null: the main conversation of the session. */
  readonly agent: string | null;
  readonly user: string | null;
  readonly folder: string | null;
  /** Number of the call within its session and agent. */
  readonly index: number;
  /** Index of the call whose history this one extends; null when none was found. */
  readonly previousIndex: number | null;
  /** Last event before the call; null when the log shows none. */
  readonly requestS: number | null;
  /** First and last event of the answer. */
  readonly firstS: number;
  readonly lastS: number;
  readonly model: string;
  /** Version of the client; null when not given. */
  readonly clientVersion: string | null;
  readonly usage: TokenCounts;
  readonly stopReason: string | null;
  readonly added: readonly SizedPart[];
  readonly answered: readonly SizedPart[];
  /** `compact_boundary`, `compact_summary`, `microcompact_boundary`, `lost_parent`. */
  readonly flags: readonly string[];
}

/** Is the value of the kind that usage-form files hold? */
export function isUsageForm(value: unknown): value is Record<string, unknown> {
  if (!isObject(value) || !('s' in value) || !('t_first' in value)) return false;
  return isObject(value['usage']) && 'read' in value['usage'];
}

/**
 * Reads one parsed line of a usage-form file; null where it lacks a session, a time, a model or usage.
 *
 * @example readUsageForm(JSON.parse(line))?.usage.readTokens
 */
export function readUsageForm(value: unknown): UsageFormCall | null {
  if (!isUsageForm(value)) return null;
  const session = value['s'];
  const model = value['model'];
  const firstS = numberOrNull(value['t_first']);
  const usage = value['usage'];
  if (typeof session !== 'string' || typeof model !== 'string' || firstS === null || !isObject(usage)) {
    return null;
  }
  return {
    session,
    agent: textOrNull(value['a']),
    user: textOrNull(value['u']),
    folder: textOrNull(value['d']),
    index: countOf(value['i']),
    previousIndex: numberOrNull(value['prev']),
    requestS: numberOrNull(value['t_req']),
    firstS,
    lastS: numberOrNull(value['t_last']) ?? firstS,
    model,
    clientVersion: textOrNull(value['cc']),
    usage: readCounters(usage),
    stopReason: textOrNull(value['stop']),
    added: readParts(value['inp']),
    answered: readParts(value['out']),
    flags: Array.isArray(value['flags']) ? value['flags'].filter((flag) => typeof flag === 'string') : [],
  };
}

/** `write` is the sum of both TTLs; what no TTL claims is 5m, the default (spec 1.4). */
function readCounters(usage: Record<string, unknown>): TokenCounts {
  const write1hTokens = countOf(usage['write1h']);
  return {
    uncachedTokens: countOf(usage['input']),
    readTokens: countOf(usage['read']),
    write5mTokens: Math.max(countOf(usage['write5m']), countOf(usage['write']) - write1hTokens),
    write1hTokens,
    outputTokens: countOf(usage['output']),
  };
}

function readParts(value: unknown): readonly SizedPart[] {
  if (!Array.isArray(value)) return [];
  const parts: readonly unknown[] = value;
  return parts.flatMap((part) =>
    Array.isArray(part) && typeof part[0] === 'string'
      ? [{ kind: part[0], characters: countOf(part[1]) }]
      : [],
  );
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
