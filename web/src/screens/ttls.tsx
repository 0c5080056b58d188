import type { JSX } from 'preact';

import { askFiltered, filterKey } from '../data/range.ts';
import type { Reuse, ReuseBin } from '../data/types.ts';
import { usePolled } from '../data/use-polled.ts';
import { formatCount, formatNumberOf, formatRange, formatUsd } from '../format.ts';
import { AGE_PARTS, AgeBars, usesOf } from '../parts/age-bars.tsx';
import { Empty, Numbers, Section, ShareTile, Tiles, Trouble, Waiting } from '../parts/blocks.tsx';
import { Filters } from '../parts/filters.tsx';
import { Table } from '../parts/table.tsx';

/** Ages change slowly, and with a tag they are added up from the records. */
const EVERY_MS = 60_000;
const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;

type Counts = Omit<ReuseBin, 'fromMs' | 'toMs'>;

/** The sums of all bins from one time on and before another. */
function between(bins: readonly ReuseBin[], fromMs: number, toMs: number): Counts {
  const within = bins.filter((bin) => bin.fromMs >= fromMs && bin.fromMs < toMs);
  const sum = (member: keyof Counts): number => within.reduce((total, bin) => total + bin[member], 0);
  return {
    read5m: sum('read5m'),
    read1h: sum('read1h'),
    expired: sum('expired'),
    expiredCostUsd: sum('expiredCostUsd'),
  };
}

function allOf({ read5m, read1h, expired }: Counts): number {
  return read5m + read1h + expired;
}

function Headline({ bins }: { readonly bins: readonly ReuseBin[] }): JSX.Element {
  const all = between(bins, 0, Infinity);
  const late = between(bins, FIVE_MINUTES_MS, HOUR_MS);
  return (
    <div class="headline">
      <p class="headline-number">
        <strong class={all.expiredCostUsd > 0 ? 'loss' : 'plain'}>{formatUsd(all.expiredCostUsd)}</strong>
        <span>paid again for prefixes that had expired</span>
      </p>
      <p>
        {formatUsd(late.expiredCostUsd)} of it, in {formatNumberOf(late.expired, 'request')}, for what was
        wanted again within an hour of its last use: an entry of an hour would have been read.
      </p>
    </div>
  );
}

function Shares({ bins }: { readonly bins: readonly ReuseBin[] }): JSX.Element {
  const total = allOf(between(bins, 0, Infinity));
  const spans = [
    ['Within 5 minutes', 0, FIVE_MINUTES_MS],
    ['Within an hour, but later', FIVE_MINUTES_MS, HOUR_MS],
    ['Later than an hour', HOUR_MS, Infinity],
  ] as const;
  return (
    <Tiles>
      {spans.map(([name, fromMs, toMs]) => (
        <ShareTile
          key={name}
          name={name}
          numerator={allOf(between(bins, fromMs, toMs))}
          denominator={total}
          of="uses"
        />
      ))}
    </Tiles>
  );
}

interface Fit {
  readonly what: string;
  readonly requests: number;
  readonly of: string;
  /** What was paid again; null where nothing was. */
  readonly costUsd: number | null;
  readonly advice: string;
}

function fitsOf(bins: readonly ReuseBin[]): readonly Fit[] {
  const all = between(bins, 0, Infinity);
  const early = between(bins, 0, FIVE_MINUTES_MS);
  const late = between(bins, FIVE_MINUTES_MS, HOUR_MS);
  const latest = between(bins, HOUR_MS, Infinity);
  const expired = `of ${formatCount(all.expired)} that had expired`;
  return [
    {
      what: 'were wanted again within an hour',
      requests: late.expired,
      of: expired,
      costUsd: late.expiredCostUsd,
      advice: 'write these for an hour. In mode optimize that is learned, where it pays.',
    },
    {
      what: 'were wanted again after more than an hour',
      requests: latest.expired,
      of: expired,
      costUsd: latest.expiredCostUsd,
      advice: 'no TTL holds for so long. Keep-alive does, where a prefix is worth its pings.',
    },
    {
      what: 'came within 5 minutes',
      requests: early.read1h,
      of: `of ${formatCount(all.read1h)} reads of entries of an hour`,
      costUsd: null,
      advice: 'write for five minutes where nearly all come so soon; otherwise leave it.',
    },
  ];
}

function Fits({ bins }: { readonly bins: readonly ReuseBin[] }): JSX.Element | null {
  const found = fitsOf(bins).filter(({ requests }) => requests > 0);
  if (found.length === 0) return null;
  return (
    <Section title="What would fit better?">
      <ul class="findings">
        {found.map(({ what, requests, of, costUsd, advice }) => (
          <li key={what}>
            <p>
              <strong>{formatCount(requests)}</strong> {of} {what}
              {costUsd === null ? (
                '.'
              ) : (
                <>
                  , for <strong class="loss">{formatUsd(costUsd)}</strong> beyond reading them.
                </>
              )}
            </p>
            <p>Do this: {advice}</p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Ages({ bins, unknown }: Reuse): JSX.Element {
  return (
    <Section
      title="Time since the last use"
      note="Each request that wanted a prefix again, by how long ago that was last read or written; a ping of keep-alive is a use."
    >
      <AgeBars bins={bins} />
      {unknown > 0 && (
        <p class="note">
          Of {formatNumberOf(unknown, 'more request')} nobody knows after how long: an entry that was not
          known here, or a record of an earlier version.
        </p>
      )}
      <Numbers>
        <Table
          caption="Uses by time since the last one"
          rows={bins}
          keyOf={({ fromMs }) => fromMs}
          columns={[
            { name: 'After', show: ({ fromMs, toMs }) => formatRange(fromMs, toMs) },
            ...AGE_PARTS.map(([name, member]) => ({
              name,
              isNumber: true,
              show: (bin: ReuseBin) => formatCount(bin[member]),
            })),
            { name: 'All', isNumber: true, show: (bin: ReuseBin) => formatCount(usesOf(bin)) },
            {
              name: 'Paid again',
              isNumber: true,
              show: ({ expiredCostUsd }: ReuseBin) => formatUsd(expiredCostUsd),
            },
          ]}
        />
      </Numbers>
    </Section>
  );
}

function Content({ value }: { readonly value: Reuse }): JSX.Element {
  const { bins, unknown } = value;
  if (bins.every((bin) => usesOf(bin) === 0)) {
    return (
      <Empty title="No prefix was wanted again yet">
        <p>
          Whenever a request reads a prefix from the cache, or finds it expired, it is noted here how long ago
          that was used last. If your program asks for the same long prompt twice, this fills by itself.
          Otherwise widen the filters.
        </p>
        {unknown > 0 && (
          <p>Of {formatNumberOf(unknown, 'request')} that did so nobody knows after how long.</p>
        )}
      </Empty>
    );
  }
  return (
    <>
      <div class="panel">
        <Headline bins={bins} />
        <Shares bins={bins} />
      </div>
      <Ages bins={bins} unknown={unknown} />
      <Fits bins={bins} />
    </>
  );
}

/** Do TTLs fit? */
export function TtlsScreen(): JSX.Element {
  const { value, problem } = usePolled(filterKey(), askFiltered<Reuse>('/api/v1/reuse'), EVERY_MS);
  return (
    <>
      <Filters />
      {value ? <Trouble problem={problem} /> : <Waiting problem={problem} />}
      {value && <Content value={value} />}
    </>
  );
}
