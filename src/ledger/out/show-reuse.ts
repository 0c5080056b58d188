import { toUsd } from '../../core/index.ts';
import type { Reuse, ReuseBin } from '../reuse.ts';

/** A bin as JSON has it: money in pico-dollars as a decimal string, and in dollars for reading. */
export interface ShownReuseBin extends Omit<ReuseBin, 'expiredCostPicoUsd'> {
  readonly expiredCostPicoUsd: string;
  readonly expiredCostUsd: number;
}

/** The answer of `GET /api/v1/reuse`. */
export interface ShownReuse {
  readonly bins: readonly ShownReuseBin[];
  readonly unknown: number;
}

/** How long after their last use prefixes were wanted again, as JSON has it. */
export function showReuse({ bins, unknown }: Reuse): ShownReuse {
  const shown = bins.map(({ expiredCostPicoUsd, ...bin }) => ({
    ...bin,
    expiredCostPicoUsd: expiredCostPicoUsd.toString(),
    expiredCostUsd: toUsd(expiredCostPicoUsd),
  }));
  return { bins: shown, unknown };
}
