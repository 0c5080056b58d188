import { toUsd, type TokenCounts } from '../../core/index.ts';
import type { RequestCounts, TimelineRow } from '../ledger.ts';

/** A row of a timeline as JSON has it: money in pico-dollars as a decimal string, and in dollars for reading. */
export interface ShownTimelineRow extends TokenCounts, RequestCounts {
  readonly atMs: number;
  readonly model: string;
  readonly costPicoUsd: string;
  readonly costUsd: number;
  readonly savedUsd: { readonly noCaching: number; readonly client: number; readonly automatic: number };
  readonly ownCostUsd: number;
  readonly misses: readonly {
    readonly reason: string;
    readonly requests: number;
    readonly tokens: number;
    readonly costUsd: number;
  }[];
}

/** A row as `GET /api/v1/timeline` shows it. */
export function showTimelineRow({
  costPicoUsd,
  savedPicoUsd,
  ownCostPicoUsd,
  misses,
  ...counts
}: TimelineRow): ShownTimelineRow {
  return {
    ...counts,
    costPicoUsd: costPicoUsd.toString(),
    costUsd: toUsd(costPicoUsd),
    savedUsd: {
      noCaching: toUsd(savedPicoUsd.noCaching),
      client: toUsd(savedPicoUsd.client),
      automatic: toUsd(savedPicoUsd.automatic),
    },
    ownCostUsd: toUsd(ownCostPicoUsd),
    misses: misses.map(({ reason, requests, tokens, costPicoUsd: missed }) => ({
      reason,
      requests,
      tokens,
      costUsd: toUsd(missed),
    })),
  };
}
