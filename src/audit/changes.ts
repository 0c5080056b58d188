import { formatUsd, type PicoUsd } from '../core/index.ts';
import type { AuditChange, AuditPolicy, PartName } from './report-data.ts';
import { toMoney } from './money.ts';
import type { AuditTotals } from './totals.ts';

/** A change before it is known whether it is among the best. */
interface Candidate {
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  readonly savedPicoUsd: PicoUsd;
}

const CHANGES_MAX = 3;
/** A modelled difference below this share of the bill may be an error of the model. */
const MODEL_ERROR_PER_CENT = 1n;

function beyondReading(totals: AuditTotals, ...names: readonly PartName[]): PicoUsd {
  return names.reduce((sum, name) => sum + (totals.parts.get(name)?.beyondPicoUsd ?? 0n), 0n);
}

function savedBy(totals: AuditTotals, name: AuditPolicy['name']): PicoUsd {
  return totals.paidPicoUsd - (totals.policies.get(name) ?? totals.paidPicoUsd);
}

function callsIn(totals: AuditTotals, ...names: readonly PartName[]): string {
  const calls = names.reduce((sum, name) => sum + (totals.parts.get(name)?.calls ?? 0), 0);
  return calls === 1 ? '1 call' : `${calls.toLocaleString('en-US')} calls`;
}

function policyChanges(totals: AuditTotals): readonly Candidate[] {
  const { notNeeded, neverRead } = totals.hours;
  const premium = notNeeded.premiumPicoUsd + neverRead.premiumPicoUsd;
  const hasHourWrites = totals.write1hTokens > 0;
  const candidates: readonly Candidate[] = [
    {
      name: 'ttl-1h',
      title: 'mark with ttl 1h',
      detail: `pauses cost ${formatUsd(beyondReading(totals, 'expired'))} in expired prefixes; modelled`,
      savedPicoUsd: savedBy(totals, 'always-1h'),
    },
    {
      name: 'cachewright',
      title: 'let the gateway place the breakpoints (cachewright serve)',
      detail: hasHourWrites
        ? `1h writes that no pause needed cost ${formatUsd(premium)} more than 5m; modelled`
        : 'what comes again is written, for 1h where a pause is likely; modelled',
      savedPicoUsd: savedBy(totals, 'cachewright'),
    },
  ];
  return candidates.filter(
    (change) => change.savedPicoUsd * 100n >= totals.paidPicoUsd * MODEL_ERROR_PER_CENT,
  );
}

function causeChanges(totals: AuditTotals): readonly Candidate[] {
  const changed: readonly PartName[] = [
    'changed_tools',
    'changed_system',
    'changed_messages',
    'changed_somewhere',
  ];
  const saving = (...parts: readonly PartName[]) => ({ savedPicoUsd: beyondReading(totals, ...parts) });
  return [
    {
      name: 'stable-prefix',
      title: 'keep the prefix as it is: append, do not edit',
      detail: `${callsIn(totals, ...changed)} changed what was still cached; at most`,
      ...saving(...changed),
    },
    {
      name: 'one-model',
      title: 'stay on one model within a conversation',
      detail: `${callsIn(totals, 'model_switch')} sent another model what the first had cached; at most`,
      ...saving('model_switch'),
    },
    {
      name: 'wait-for-first',
      title: 'hold parallel calls until the first answer begins',
      detail: `${callsIn(totals, 'in_flight')} came before the prefix was readable; at most`,
      ...saving('in_flight'),
    },
    {
      name: 'breakpoints',
      title: 'set breakpoints where there are none',
      detail: `${callsIn(totals, 'unmarked')} sent their history again uncached; at most`,
      ...saving('unmarked'),
    },
  ];
}

/** The changes that would have saved most, dearest first; fewer than three where nothing else would have saved. */
export function findChanges(totals: AuditTotals): readonly AuditChange[] {
  return [...policyChanges(totals), ...causeChanges(totals)]
    .filter((change) => change.savedPicoUsd > 0n)
    .toSorted((a, b) => (a.savedPicoUsd < b.savedPicoUsd ? 1 : -1))
    .slice(0, CHANGES_MAX)
    .map(({ savedPicoUsd, ...change }) => ({ ...change, saved: toMoney(savedPicoUsd) }));
}
