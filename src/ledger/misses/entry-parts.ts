import {
  conditionOf,
  isReadable,
  type CacheEntry,
  type CacheRules,
  type CacheState,
} from '../../core/index.ts';
import { nothingKnown, type MissEvidence, type MissReason } from '../record.ts';
import { tokensBefore, type PromptOutline, type SeenRequest } from './seen-prompt.ts';

/** Parts of a prompt that were not read for one reason: from, and before. */
export interface MissedParts {
  readonly from: number;
  readonly to: number;
  readonly reason: MissReason;
  readonly evidence: MissEvidence;
}

/** A request as the cache saw it. */
export interface SentRequest {
  readonly prompt: PromptOutline;
  readonly atMs: number;
  /** The entries at that time, by the model of the cache. */
  readonly state: CacheState;
  readonly rules: CacheRules;
  /** Parts that the model expected to be read. */
  readonly expectedParts: number;
  /** Parts up to the last breakpoint that counts; 0 without one. */
  readonly markedParts: number;
  readonly minCacheableTokens: number;
}

/** An entry's way of not being read, the nearest to being read first. */
type Cause = 'evicted_or_unknown' | 'outside_lookback' | 'in_flight' | 'expired';
const NEARNESS: readonly Cause[] = ['evicted_or_unknown', 'outside_lookback', 'in_flight', 'expired'];

interface KnownEntry {
  /** Parts that it covers. */
  readonly parts: number;
  readonly cause: Cause;
  readonly entry: CacheEntry;
}

/** Parts of a prompt that are looked at for entries; past that only requests that were seen say something. */
const LOOKED_AT_MAX = 4096;

function causeOf(entries: readonly CacheEntry[], parts: number, sent: SentRequest): KnownEntry | null {
  const [first] = entries;
  if (!first) return null;
  const { state, atMs, rules } = sent;
  const live = entries.find((entry) => isReadable(state, entry, atMs, rules));
  if (live)
    return {
      parts,
      entry: live,
      cause: parts <= sent.expectedParts ? 'evicted_or_unknown' : 'outside_lookback',
    };
  const pending = entries.find((entry) => conditionOf(entry, atMs, rules) === 'pending');
  return pending ? { parts, entry: pending, cause: 'in_flight' } : { parts, entry: first, cause: 'expired' };
}

/** Entries on the way of a prompt beyond so many parts, the longest first. */
export function entriesBeyond(sent: SentRequest, from: number, to: number): readonly KnownEntry[] {
  const { prefixIds } = sent.prompt;
  const found: KnownEntry[] = [];
  for (let parts = to; parts > Math.max(from, to - LOOKED_AT_MAX); parts -= 1) {
    const known = causeOf(sent.state.entries.get(prefixIds[parts - 1] ?? '') ?? [], parts, sent);
    if (known) found.push(known);
  }
  return found;
}

function entryEvidence(
  { entry, cause, parts }: KnownEntry,
  sent: SentRequest,
  base: SeenRequest | null,
): MissEvidence {
  const isUnmarked = cause === 'outside_lookback' && sent.markedParts < parts;
  return {
    ...nothingKnown,
    detail: isUnmarked ? 'no_breakpoint' : cause === 'expired' ? entry.ttl : null,
    previousId: base?.id ?? null,
    ageMs: sent.atMs - entry.usedMs,
  };
}

/**
 * Parts that entries cover: each for the reason of the entry that came nearest to being read among those that cover it.
 */
export function missedEntries(
  sent: SentRequest,
  from: number,
  to: number,
  base: SeenRequest | null,
): readonly MissedParts[] {
  const missed: MissedParts[] = [];
  let open: { readonly to: number; readonly known: KnownEntry } | null = null;
  const close = (at: number): void => {
    if (open && open.to > at) {
      const evidence = entryEvidence(open.known, sent, base);
      missed.unshift({ from: at, to: open.to, reason: open.known.cause, evidence });
    }
  };
  for (const known of entriesBeyond(sent, from, to)) {
    const isNearer = !open || NEARNESS.indexOf(known.cause) < NEARNESS.indexOf(open.known.cause);
    if (!isNearer) continue;
    close(known.parts);
    open = { to: known.parts, known };
  }
  close(from);
  return missed;
}

/** Was the last entry of an earlier request gone by itself, as far as it is known? */
export function hasExpired({ cached }: SeenRequest, atMs: number, { ttlMs, slackMs }: CacheRules): boolean {
  return cached !== null && atMs - cached.usedMs >= ttlMs[cached.ttl] + slackMs;
}

/** Evidence of an entry that only the request tells that left it. */
export function expiredEvidence(base: SeenRequest, atMs: number): MissEvidence {
  const { cached, id } = base;
  return {
    ...nothingKnown,
    detail: cached?.ttl ?? null,
    previousId: id,
    ageMs: atMs - (cached?.usedMs ?? base.atMs),
  };
}

/** Is a prefix of so many parts too short to be cached at all? */
export function isTooShort({ prompt, minCacheableTokens }: SentRequest, parts: number): boolean {
  return tokensBefore(prompt, parts) < minCacheableTokens;
}
