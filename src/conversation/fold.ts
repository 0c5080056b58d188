import { billTokens, standardPricing, totalInputTokens, type ModelFacts, type Ttl } from '../core/index.ts';
import { weighCut } from './break-even.ts';
import { isCompactionAlone } from './compaction.ts';
import type { HistoryMessage } from './message.ts';
import type { CutReport } from './options.ts';
import type { Billed } from './read-usage.ts';

/** The cut that the API made within a turn: what was sent has become the block at the beginning of the answer. */
export function reportFold(
  sent: readonly HistoryMessage[],
  folded: HistoryMessage,
  billed: Billed,
  { facts, ttl, atMs }: { readonly facts: ModelFacts; readonly ttl: Ttl; readonly atMs: number },
): CutReport {
  const beforeTokens = totalInputTokens(billed.sent);
  const afterTokens = totalInputTokens(billed.context);
  const sizes = {
    keptTokens: afterTokens - billed.context.readTokens,
    droppedTokens: Math.max(0, beforeTokens - afterTokens),
    isWarm: billed.sent.readTokens > billed.context.readTokens,
    summaryPicoUsd: billTokens(facts, billed.sent, standardPricing(atMs)).totalPicoUsd,
  };
  return {
    atMs,
    reason: 'tokens',
    strategy: 'api',
    fallback: null,
    beforeTokens,
    afterTokens,
    dropped: sent.filter((message) => message.role !== 'system' && !isCompactionAlone(message)),
    summary: String(folded.content[0]?.['content']),
    breakEven: weighCut(sizes, facts, ttl, atMs),
  };
}
