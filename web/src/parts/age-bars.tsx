import type { JSX } from 'preact';

import type { ReuseBin } from '../data/types.ts';
import { formatCount, formatRange } from '../format.ts';

/** What a bar is made of, from the left. */
export const AGE_PARTS = [
  ['Read, written for 5 minutes', 'read5m', 'write5m'],
  ['Read, written for an hour', 'read1h', 'write1h'],
  ['Expired, so paid for again', 'expired', 'uncached'],
] as const;

/** Where entries end, in ms since their last use. */
const ENDS: readonly (readonly [atMs: number, words: string])[] = [
  [300_000, 'entries of 5 minutes end here'],
  [3_600_000, 'entries of an hour end here'],
];

/** Uses of any kind. */
export function usesOf({ read5m, read1h, expired }: ReuseBin): number {
  return read5m + read1h + expired;
}

function Bar({ bin, largest }: { readonly bin: ReuseBin; readonly largest: number }): JSX.Element {
  const widths = AGE_PARTS.map(([, member]) => (100 * bin[member]) / largest);
  return (
    <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      {AGE_PARTS.map(([, member, look], index) => {
        const x = widths.slice(0, index).reduce((sum, width) => sum + width, 0);
        return <rect key={member} class={`fill-${look}`} x={x} width={widths[index] ?? 0} height="4" />;
      })}
    </svg>
  );
}

/** How often a prefix was wanted again after how long, shortest first, with lines where entries of either TTL end. */
export function AgeBars({ bins }: { readonly bins: readonly ReuseBin[] }): JSX.Element {
  const largest = Math.max(1, ...bins.map(usesOf));
  return (
    <div class="parts">
      <ol class="ages">
        {bins.flatMap((bin) => {
          const end = ENDS.find(([atMs]) => atMs === bin.fromMs);
          return [
            end && (
              <li key={end[1]} class="ages-end">
                {end[1]}
              </li>
            ),
            <li key={bin.fromMs}>
              <span>{formatRange(bin.fromMs, bin.toMs)}</span>
              <Bar bin={bin} largest={largest} />
              <span class="number">{formatCount(usesOf(bin))}</span>
            </li>,
          ];
        })}
      </ol>
      <ul class="legend">
        {AGE_PARTS.map(([name, member, look]) => (
          <li key={member}>
            <span class={`swatch swatch-${look}`} />
            {name}
            <strong>{formatCount(bins.reduce((sum, bin) => sum + bin[member], 0))}</strong>
          </li>
        ))}
      </ul>
    </div>
  );
}
