import type { JSX } from 'preact';

import { spanBefore } from '../data/range.ts';
import type { MissSum, Summary } from '../data/types.ts';
import { formatUsd } from '../format.ts';

/** What reasons cost now, less what they cost before: the one that rose most; undefined where none did. */
export function roseMost(now: readonly MissSum[], before: readonly MissSum[]): MissSum | undefined {
  const rise = ({ reason, costUsd }: MissSum): number => costUsd - lostTo(before, reason);
  const [most] = now.toSorted((one, other) => rise(other) - rise(one));
  return most && rise(most) > 0 ? most : undefined;
}

/** What was lost to a reason; 0 where nothing was. */
export function lostTo(misses: readonly MissSum[], reason: string): number {
  return misses.find((miss) => miss.reason === reason)?.costUsd ?? 0;
}

/** How much more or less it is than in the time before, where there is one. */
export function Change(props: {
  /** Sums of the time before; null where they are not known, or there is no such time. */
  readonly before: Summary | null;
  readonly usd: number;
  readonly of: (before: Summary) => number;
}): JSX.Element | null {
  const { before, usd, of } = props;
  const span = spanBefore();
  if (!before || span === null) return null;
  if (before.requests === 0) return <span class="line">nothing was asked {span}</span>;
  const oldUsd = of(before);
  if (oldUsd === usd) return <span class="line">as much as {span}</span>;
  return (
    <span class="line">
      {formatUsd(Math.abs(usd - oldUsd))} {usd < oldUsd ? 'less' : 'more'} than the {formatUsd(oldUsd)} {span}
    </span>
  );
}
