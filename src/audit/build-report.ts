import type { HourSum } from './hour-writes.ts';
import { findChanges } from './changes.ts';
import { PART_LABELS, POLICY_LABELS } from './labels.ts';
import { toMoney } from './money.ts';
import type {
  AuditPart,
  AuditPolicy,
  AuditReport,
  FileNote,
  HourWrites,
  PartName,
  Ratio,
} from './report-data.ts';
import type { AuditTotals } from './totals.ts';

/** What is known of the files besides their calls. */
export interface FileFacts {
  readonly files: number;
  readonly notes: readonly FileNote[];
  readonly moreNotes: number;
}

const POLICY_NAMES: readonly AuditPolicy['name'][] = [
  'no-caching',
  'automatic-5m',
  'always-1h',
  'cachewright',
];

function ratio(numerator: number, denominator: number): Ratio {
  return { numerator, denominator, ratio: denominator === 0 ? null : numerator / denominator };
}

function listParts(totals: AuditTotals): readonly AuditPart[] {
  const names = Object.keys(PART_LABELS) as PartName[];
  return names
    .flatMap((name) => {
      const sum = totals.parts.get(name);
      return sum ? [{ name, sum, ...PART_LABELS[name] }] : [];
    })
    .toSorted((a, b) => (a.sum.costPicoUsd < b.sum.costPicoUsd ? 1 : -1))
    .map(({ name, sum, label, isMiss }) => ({
      name,
      label,
      isMiss,
      calls: sum.calls,
      tokens: sum.tokens,
      cost: toMoney(sum.costPicoUsd),
      beyondReading: toMoney(isMiss ? sum.beyondPicoUsd : 0n),
    }));
}

function listPolicies(totals: AuditTotals): readonly AuditPolicy[] {
  return POLICY_NAMES.map((name) => {
    const costPicoUsd = totals.policies.get(name) ?? 0n;
    return {
      name,
      label: POLICY_LABELS[name],
      cost: toMoney(costPicoUsd),
      saved: toMoney(totals.paidPicoUsd - costPicoUsd),
    };
  });
}

function hourWritesOf(totals: AuditTotals): HourWrites {
  const { paid, notNeeded, neverRead } = totals.hours;
  const described = (sum: HourSum) => ({ tokens: sum.tokens, premium: toMoney(sum.premiumPicoUsd) });
  return {
    tokens: paid.tokens + notNeeded.tokens + neverRead.tokens,
    cost: toMoney(totals.write1hPicoUsd),
    paid: described(paid),
    notNeeded: described(notNeeded),
    neverRead: described(neverRead),
  };
}

/** What the figures rest on, as sentences for people; only those that matter to this log. */
function listAssumptions(totals: AuditTotals): readonly string[] {
  const { undatedCalls, estimatedCalls, recordedCalls, write1hTokens } = totals;
  const count = (calls: number): string => calls.toLocaleString('en-US');
  const when = (isTrue: boolean, sentence: string): readonly string[] => (isTrue ? [sentence] : []);
  return [
    'Paid: billed tokens at the list price of their day on the Claude API; logs may show too little output.',
    'What if: each call repeats the one before up to what that had read and written; the rest is new or changed.',
    'Prefixes lost inside their lifetime are lost to every policy; entries live 5 or 60 minutes sharp.',
    'Automatic caching marks the last block only: conversations share nothing. The others also mark what they share.',
    "Cachewright: the gateway's planner, without keep-alive; it learns from the calls in the order of the log.",
    ...when(
      write1hTokens > 0,
      'A 1h write pays when its own conversation reads it after a pause of 5 minutes or more.',
    ),
    ...when(undatedCalls > 0, `${count(undatedCalls)} calls have no date: billed at the prices of --day.`),
    ...when(
      estimatedCalls > 0,
      `${count(estimatedCalls)} calls carry no usage: tokens are estimated, the bill is the model's, output is left out.`,
    ),
    ...when(
      recordedCalls > 0,
      `${count(recordedCalls)} gateway records name no conversation: what-ifs keep their bill, but automatic caching.`,
    ),
    ...totals.modelNotes,
  ];
}

/** The report of everything added up so far. */
export function buildReport(totals: AuditTotals, facts: FileFacts): AuditReport {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens, outputTokens } = totals;
  const total = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  return {
    ...facts,
    calls: totals.calls,
    repeatedCalls: totals.repeatedCalls,
    estimatedCalls: totals.estimatedCalls,
    conversations: totals.conversations,
    fromMs: totals.fromMs,
    toMs: totals.toMs,
    paid: toMoney(totals.paidPicoUsd),
    tokens: {
      total,
      read: readTokens,
      write5m: write5mTokens,
      write1h: write1hTokens,
      uncached: uncachedTokens,
      output: outputTokens,
    },
    hitRatio: { byTokens: ratio(readTokens, total), byRequests: ratio(totals.hitCalls, totals.calls) },
    parts: listParts(totals),
    hourWrites: hourWritesOf(totals),
    policies: listPolicies(totals),
    changes: findChanges(totals),
    models: [...totals.models]
      .toSorted(([, a], [, b]) => (a.costPicoUsd < b.costPicoUsd ? 1 : -1))
      .map(([model, sum]) => ({ model, calls: sum.calls, cost: toMoney(sum.costPicoUsd) })),
    assumptions: listAssumptions(totals),
  };
}
