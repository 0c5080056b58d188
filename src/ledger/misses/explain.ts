import { nothingKnown, type MissEvidence } from '../record.ts';
import {
  entriesBeyond,
  expiredEvidence,
  hasExpired,
  isTooShort,
  missedEntries,
  type MissedParts,
  type SentRequest,
} from './entry-parts.ts';
import type { Relation } from './relate.ts';
import { lengthOf, tokensBefore, type SeenRequest } from './seen-prompt.ts';

/** Fewer tokens that were sent before without being written are not worth a miss of their own: no breakpoint would pay. */
const UNWRITTEN_TOKENS_MIN = 64;

/** What is asked about a request. */
export interface Question {
  readonly sent: SentRequest;
  /** Parts that were read, by the bill. */
  readonly readParts: number;
  /** From `chooseRelations`. */
  readonly relations: readonly Relation[];
  /** Is the whole prompt, by the bill, below the model's minimum? */
  readonly isBelowMinimum: boolean;
  /** Is there a sign of requests before it that nobody here has seen? */
  readonly hasUnseenPast: () => boolean;
}

/** The less stands between the two prompts, the more it says. */
function rankOf({ obstacles, isOther }: Relation): number {
  if (isOther) return 3;
  if (obstacles.length === 0) return 0;
  const [first] = obstacles;
  const isOtherCache = first?.reason === 'model_changed' || first?.evidence.detail === 'cache_key';
  return isOtherCache ? 2 : 1;
}

/**
 * Which earlier requests explain a prompt: the one with the least between it and the prompt, of those the one that reaches
 * furthest, then the newest; and another if it reaches further still. Relations are given newest first.
 */
export function chooseRelations(relations: readonly Relation[]): readonly Relation[] {
  const better = (a: Relation | null, b: Relation): Relation => {
    if (!a) return b;
    const byRank = rankOf(a) - rankOf(b);
    return byRank > 0 || (byRank === 0 && b.end > a.end) ? b : a;
  };
  const main = relations.reduce<Relation | null>(better, null);
  if (!main) return [];
  const further = relations.filter((relation) => relation.end > main.end);
  const more = further.reduce<Relation | null>(better, null);
  return more ? [main, more] : [main];
}

function since(base: SeenRequest, atMs: number, more: Partial<MissEvidence>): MissEvidence {
  return { ...nothingKnown, previousId: base.id, ageMs: atMs - base.atMs, ...more };
}

/** Sent before, and never written: why not, in a word. */
function unwrittenDetail({ earlier, end, isOther }: Relation): string {
  if (isOther || (earlier.cached?.parts ?? 0) > end) return 'no_breakpoint';
  return earlier.isDeclined ? 'declined' : 'unmarked';
}

/** Parts that were sent before, at the end of which no entry is known. */
function unwrittenParts(
  sent: SentRequest,
  relation: Relation,
  from: number,
  to: number,
): readonly MissedParts[] {
  const { earlier } = relation;
  const cachedEnd = Math.min(earlier.cached?.parts ?? 0, to);
  // The state has forgotten it; the request that left it has not.
  const known = (earlier.cached?.parts ?? 0) <= to ? Math.max(from, cachedEnd) : from;
  const missed: MissedParts[] = [];
  if (known > from) {
    const isExpired = hasExpired(earlier, sent.atMs, sent.rules);
    const evidence = isExpired ? expiredEvidence(earlier, sent.atMs) : since(earlier, sent.atMs, {});
    missed.push({ from, to: known, reason: isExpired ? 'expired' : 'evicted_or_unknown', evidence });
  }
  const tokens = tokensBefore(sent.prompt, to) - tokensBefore(sent.prompt, known);
  if (known >= to || tokens < UNWRITTEN_TOKENS_MIN) return missed;
  if (isTooShort(sent, to)) {
    const evidence = since(earlier, sent.atMs, { minimumTokens: sent.minCacheableTokens });
    missed.push({ from: known, to, reason: 'below_minimum', evidence });
  } else {
    const evidence = since(earlier, sent.atMs, { detail: unwrittenDetail(relation) });
    missed.push({ from: known, to, reason: 'never_written', evidence });
  }
  return missed;
}

/** Parts before the first obstacle: their entries, and what no entry ends in. */
function sharedParts(
  sent: SentRequest,
  relation: Relation,
  from: number,
  to: number,
): readonly MissedParts[] {
  if (from >= to) return [];
  const { earlier, obstacles } = relation;
  const [obstacle] = obstacles;
  const entries = missedEntries(sent, from, to, earlier);
  const rest = entries.at(-1)?.to ?? from;
  if (rest >= to) return entries;
  if (!obstacle) return [...entries, ...unwrittenParts(sent, relation, rest, to)];
  // Their entry ends behind the obstacle: had it lived, the obstacle would have kept it from being read.
  const isGone = hasExpired(earlier, sent.atMs, sent.rules);
  const own: MissedParts = isGone
    ? { from: rest, to, reason: 'expired', evidence: expiredEvidence(earlier, sent.atMs) }
    : { from: rest, to, reason: obstacle.reason, evidence: obstacle.evidence };
  return [...entries, own];
}

/** Each obstacle takes what stands between it and the next. */
function explainRelation(sent: SentRequest, relation: Relation, from: number): readonly MissedParts[] {
  const { obstacles, end } = relation;
  const first = Math.min(obstacles[0]?.part ?? end, end);
  const behind = obstacles.map(({ part, reason, evidence }, index) => ({
    from: Math.max(from, part),
    to: Math.min(obstacles[index + 1]?.part ?? end, end),
    reason,
    evidence,
  }));
  return [...sharedParts(sent, relation, from, first), ...behind.filter((parts) => parts.from < parts.to)];
}

/** Nothing like it is known. */
function explainUnknown({ sent, hasUnseenPast }: Question): readonly MissedParts[] {
  const whole = { from: 0, to: lengthOf(sent.prompt) };
  if (hasUnseenPast()) return [{ ...whole, reason: 'evicted_or_unknown', evidence: nothingKnown }];
  return [{ ...whole, reason: 'never_written', evidence: { ...nothingKnown, detail: 'first' } }];
}

/** Parts next to each other for one reason are one miss. */
function join(parts: readonly MissedParts[]): readonly MissedParts[] {
  const joined: MissedParts[] = [];
  for (const next of parts) {
    const last = joined.at(-1);
    const isSame = last?.reason === next.reason && last.to === next.from;
    if (last && isSame && (last.evidence === next.evidence || next.reason === 'expired'))
      joined[joined.length - 1] = { ...last, to: next.to };
    else joined.push(next);
  }
  return joined;
}

/**
 * What of a prompt was not read although it, or what it stands in the place of, had been there before; in order, disjoint.
 *
 * 1. A whole prompt below the minimum is only that.
 * 2. The earlier requests that explain it, one after the other: entries first, then what changed.
 * 3. Entries that no earlier request is known for.
 * 4. Where nothing was read and nothing like it is known: never written, or unknown where there are signs of a past.
 */
export function explainMisses(question: Question): readonly MissedParts[] {
  const { sent, readParts, relations } = question;
  if (question.isBelowMinimum) {
    const [relation] = relations;
    const evidence = { ...nothingKnown, minimumTokens: sent.minCacheableTokens };
    const to = relation?.end ?? lengthOf(sent.prompt);
    const own = relation ? since(relation.earlier, sent.atMs, evidence) : evidence;
    const known = relation ? { ...own, minimumTokens: sent.minCacheableTokens } : own;
    return readParts >= to ? [] : [{ from: readParts, to, reason: 'below_minimum', evidence: known }];
  }
  const missed: MissedParts[] = [];
  let covered = readParts;
  for (const relation of relations) {
    missed.push(...explainRelation(sent, relation, covered));
    covered = Math.max(covered, relation.end);
  }
  const end = lengthOf(sent.prompt);
  const more = entriesBeyond(sent, covered, end).length > 0 ? missedEntries(sent, covered, end, null) : [];
  missed.push(...more);
  if (missed.length === 0 && readParts === 0 && relations.length === 0) return explainUnknown(question);
  return join(missed);
}
