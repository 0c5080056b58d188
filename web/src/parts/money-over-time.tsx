import type { JSX } from 'preact';

import type { Against, Timeline } from '../data/types.ts';
import { formatMinute, formatUsd } from '../format.ts';
import { Numbers, Section, Signed } from './blocks.tsx';
import { Table } from './table.tsx';
import { TimeBars } from './time-bars.tsx';

/** What happened in one bucket, whichever the model. */
interface Bucket {
  readonly atMs: number;
  readonly savedUsd: number;
  readonly ownUsd: number;
  readonly costUsd: number;
  /** Part of what was billed: what was paid beyond the price of reading. */
  readonly missedUsd: number;
}

function bucketsOf({ rows }: Timeline, against: Against): readonly Bucket[] {
  return [...Map.groupBy(rows, ({ atMs }) => atMs)].map(([atMs, all]) => {
    const sum = (pick: (row: (typeof all)[number]) => number): number =>
      all.reduce((total, row) => total + pick(row), 0);
    return {
      atMs,
      savedUsd: sum((row) => row.savedUsd[against]),
      ownUsd: sum((row) => row.ownCostUsd),
      costUsd: sum((row) => row.costUsd),
      missedUsd: sum((row) => row.misses.reduce((total, { costUsd }) => total + costUsd, 0)),
    };
  });
}

/** What was billed, and how much of it need not have been: whether the bill rose, and when. */
export function BilledOverTime({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const buckets = bucketsOf(timeline, 'noCaching');
  return (
    <Section title="Billed over time">
      <TimeBars
        label="Dollars billed by time, and those of them that were lost to misses; the numbers are in the table below"
        timesMs={buckets.map(({ atMs }) => atMs)}
        bucketMs={timeline.bucketMs}
        series={[
          { name: 'Billed', colour: '--bill-fill', values: buckets.map(({ costUsd }) => costUsd) },
          {
            name: 'Of it lost to misses',
            colour: '--miss-fill',
            values: buckets.map(({ costUsd, missedUsd }) => Math.min(costUsd, missedUsd)),
          },
        ]}
      />
      <Numbers>
        <Table
          caption="Billed over time"
          rows={buckets.toReversed()}
          keyOf={({ atMs }) => atMs}
          columns={[
            { name: 'From', show: ({ atMs }) => formatMinute(atMs) },
            { name: 'Billed', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
            { name: 'Of it lost to misses', isNumber: true, show: ({ missedUsd }) => formatUsd(missedUsd) },
          ]}
        />
      </Numbers>
    </Section>
  );
}

/** What was saved, and what Cachewright spent itself. */
export function SavedOverTime(props: {
  readonly timeline: Timeline;
  readonly against: Against;
}): JSX.Element {
  const { timeline, against } = props;
  const buckets = bucketsOf(timeline, against);
  const losses = buckets.map(({ savedUsd }) => Math.min(savedUsd, 0));
  const series = [
    // Below a loss, so that the two together show what was lost.
    {
      name: 'Own costs',
      colour: '--own-fill',
      values: buckets.map(({ ownUsd }, index) => (losses[index] ?? 0) - ownUsd),
    },
    ...(losses.some((usd) => usd < 0) ? [{ name: 'Lost', colour: '--loss-fill', values: losses }] : []),
    { name: 'Saved', colour: '--gain-fill', values: buckets.map(({ savedUsd }) => Math.max(savedUsd, 0)) },
  ];
  return (
    <Section title="Saved over time">
      <TimeBars
        label="Dollars saved by time, own costs as negative bars; the numbers are in the table below"
        timesMs={buckets.map(({ atMs }) => atMs)}
        bucketMs={timeline.bucketMs}
        series={series}
      />
      <Numbers>
        <Table
          caption="Saved over time"
          rows={buckets.toReversed()}
          keyOf={({ atMs }) => atMs}
          columns={[
            { name: 'From', show: ({ atMs }) => formatMinute(atMs) },
            { name: 'Saved', isNumber: true, show: ({ savedUsd }) => <Signed usd={savedUsd} /> },
            { name: 'Own costs', isNumber: true, show: ({ ownUsd }) => formatUsd(ownUsd) },
            {
              name: 'Net',
              isNumber: true,
              show: ({ savedUsd, ownUsd }) => <Signed usd={savedUsd - ownUsd} />,
            },
            { name: 'Billed', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
          ]}
        />
      </Numbers>
    </Section>
  );
}
