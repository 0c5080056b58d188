import type { JSX } from 'preact';

import { askFiltered, askTimeline, filterKey, isFiltered } from '../data/range.ts';
import { linkTo, route, setParams } from '../data/route.ts';
import type { Against, Summary, Timeline, TimelineRow } from '../data/types.ts';
import { usePolled } from '../data/use-polled.ts';
import { formatCount, formatMinute, formatShare, formatUsd, formatWord, NOT_KNOWN } from '../format.ts';
import {
  Choice,
  Empty,
  Numbers,
  Section,
  ShareTile,
  Signed,
  Tile,
  Tiles,
  toneOf,
  Trouble,
  Waiting,
} from '../parts/blocks.tsx';
import { Filters } from '../parts/filters.tsx';
import { PartsBar, tokenParts } from '../parts/parts-bar.tsx';
import { Table } from '../parts/table.tsx';
import { TimeBars } from '../parts/time-bars.tsx';

const SUMMARY_EVERY_MS = 5_000;
const TIMELINE_EVERY_MS = 15_000;

const AGAINST: readonly (readonly [Against, string, string])[] = [
  ['noCaching', 'No caching', 'the same requests with every input token at its full price'],
  ['client', 'As sent', 'the same requests with only the markers that your client set'],
  ['automatic', 'Automatic', 'the same requests with automatic caching in place of all markers'],
];

function chosenAgainst(): Against {
  return AGAINST.find(([name]) => name === route.value.params['against'])?.[0] ?? 'noCaching';
}

/** What there is before the first request. */
export function NoRequests(): JSX.Element {
  return isFiltered() ? (
    <Empty title="No requests here">
      <p>Nothing was asked within these filters.</p>
      <p>
        <a href={`#/${route.value.screen}?range=all`}>Show all that is kept</a>
      </p>
    </Empty>
  ) : (
    <Empty title="No requests in the last 24 hours">
      <p>Point a client at the gateway, and its requests appear here as they end:</p>
      <pre>ANTHROPIC_BASE_URL=http://127.0.0.1:8788 your-program</pre>
      <p>
        The port is the gateway’s, not this page’s. Is there older traffic?{' '}
        <a href={`#/${route.value.screen}?range=all`}>Show all that is kept</a>
      </p>
    </Empty>
  );
}

function Headline({
  summary,
  against,
}: {
  readonly summary: Summary;
  readonly against: Against;
}): JSX.Element {
  const saved = summary.savedUsd[against];
  const netUsd = saved - summary.ownCostUsd;
  const wouldUsd = summary.costUsd + saved;
  const words = AGAINST.find(([name]) => name === against)?.[2] ?? '';
  return (
    <div class="headline">
      <p class="headline-number">
        <strong class={toneOf(netUsd)}>{formatUsd(netUsd)}</strong>
        <span>{netUsd < 0 ? 'lost, net' : 'saved, net'}</span>
      </p>
      <p>
        {formatShare(netUsd, wouldUsd)} of the {formatUsd(wouldUsd)} that {words} would have cost:{' '}
        {formatUsd(saved)} {saved < 0 ? 'lost' : 'saved'}, less {formatUsd(summary.ownCostUsd)} that
        Cachewright spent itself on pings and warming.
        {against !== 'noCaching' && ' This comparison is calculated by the model of the cache.'}
      </p>
    </div>
  );
}

/** What was lost beside what was saved, and the way to why. */
function Missed({ misses }: Pick<Summary, 'misses'>): JSX.Element {
  const [dearest] = misses;
  const usd = misses.reduce((sum, { costUsd }) => sum + costUsd, 0);
  const detail = dearest ? (
    <a href={linkTo('misses')}>mostly {formatWord(dearest.reason)}</a>
  ) : (
    'all was read that could be'
  );
  return <Tile name="Lost to misses" value={formatUsd(usd)} detail={detail} />;
}

function Totals({ summary }: { readonly summary: Summary }): JSX.Element {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = summary;
  const input = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  return (
    <Tiles>
      <Tile name="Billed" value={formatUsd(summary.costUsd)} detail="input and output" />
      <Tile name="Own costs" value={formatUsd(summary.ownCostUsd)} detail="pings and warming" />
      <Tile name="Requests" value={formatCount(summary.requests)} />
      <Missed misses={summary.misses} />
      <ShareTile name="Hit ratio" numerator={readTokens} denominator={input} of="input tokens" />
    </Tiles>
  );
}

/** What happened in one bucket, whichever the model. */
interface Bucket {
  readonly atMs: number;
  readonly savedUsd: number;
  readonly ownUsd: number;
  readonly costUsd: number;
}

function bucketsOf(rows: readonly TimelineRow[], against: Against): readonly Bucket[] {
  const buckets = new Map<number, Bucket>();
  for (const row of rows) {
    const old = buckets.get(row.atMs) ?? { atMs: row.atMs, savedUsd: 0, ownUsd: 0, costUsd: 0 };
    buckets.set(row.atMs, {
      atMs: row.atMs,
      savedUsd: old.savedUsd + row.savedUsd[against],
      ownUsd: old.ownUsd + row.ownCostUsd,
      costUsd: old.costUsd + row.costUsd,
    });
  }
  return [...buckets.values()];
}

function OverTime({
  timeline,
  against,
}: {
  readonly timeline: Timeline;
  readonly against: Against;
}): JSX.Element {
  const buckets = bucketsOf(timeline.rows, against);
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

function Comparisons({ summary }: { readonly summary: Summary }): JSX.Element {
  return (
    <Section title="Against what?" note="Every comparison is of the same requests at the same prices.">
      <Table
        caption="What the same requests would have cost"
        rows={AGAINST}
        keyOf={([name]) => name}
        columns={[
          { name: 'Compared with', show: ([, label, words]) => <span title={words}>{label}</span> },
          {
            name: 'Would have cost',
            isNumber: true,
            show: ([name]) => formatUsd(summary.costUsd + summary.savedUsd[name]),
          },
          { name: 'Saved', isNumber: true, show: ([name]) => <Signed usd={summary.savedUsd[name]} /> },
          {
            name: 'Net',
            isNumber: true,
            show: ([name]) => <Signed usd={summary.savedUsd[name] - summary.ownCostUsd} />,
          },
        ]}
      />
    </Section>
  );
}

function ByModel({
  timeline,
  against,
}: {
  readonly timeline: Timeline;
  readonly against: Against;
}): JSX.Element {
  const models = Map.groupBy(timeline.rows, ({ model }) => model);
  const sum = (rows: readonly TimelineRow[], pick: (row: TimelineRow) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  const rows = [...models]
    .map(([model, all]) => ({
      model,
      requests: sum(all, (row) => row.requests),
      costUsd: sum(all, (row) => row.costUsd),
      netUsd: sum(all, (row) => row.savedUsd[against] - row.ownCostUsd),
      read: sum(all, (row) => row.readTokens),
      input: sum(all, (row) => row.readTokens + row.write5mTokens + row.write1hTokens + row.uncachedTokens),
    }))
    .toSorted((one, other) => other.costUsd - one.costUsd);
  return (
    <Section title="By model">
      <Table
        caption="By model"
        rows={rows}
        keyOf={({ model }) => model}
        columns={[
          { name: 'Model', show: ({ model }) => <span class="unbroken">{model || NOT_KNOWN}</span> },
          { name: 'Requests', isNumber: true, show: ({ requests }) => formatCount(requests) },
          { name: 'Billed', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
          { name: 'Net', isNumber: true, show: ({ netUsd }) => <Signed usd={netUsd} /> },
          {
            name: 'Hit ratio',
            isNumber: true,
            show: ({ read, input }) => (
              <>
                {formatShare(read, input)}{' '}
                <span class="quiet">
                  {formatCount(read)} of {formatCount(input)}
                </span>
              </>
            ),
          },
        ]}
      />
    </Section>
  );
}

/** Am I saving? */
export function SavingScreen(): JSX.Element {
  const key = filterKey();
  const summary = usePolled(key, askFiltered<Summary>('/api/v1/summary'), SUMMARY_EVERY_MS);
  const timeline = usePolled(key, askTimeline, TIMELINE_EVERY_MS);
  const against = chosenAgainst();
  if (!summary.value)
    return (
      <>
        <Filters />
        <Waiting problem={summary.problem} />
      </>
    );
  const isEmpty = summary.value.requests === 0 && summary.value.ownCostUsd === 0;
  return (
    <>
      <Filters />
      <Trouble problem={summary.problem ?? timeline.problem} />
      {isEmpty ? (
        <NoRequests />
      ) : (
        <>
          <div class="panel">
            <Choice
              legend="Compared with"
              name="against"
              options={AGAINST.map(([name, label]) => [name, label] as const)}
              value={against}
              onChoose={(value) => setParams({ against: value })}
            />
            <Headline summary={summary.value} against={against} />
            <Totals summary={summary.value} />
            <PartsBar parts={tokenParts(summary.value)} unit="tokens" />
          </div>
          {timeline.value && <OverTime timeline={timeline.value} against={against} />}
          <Comparisons summary={summary.value} />
          {timeline.value && <ByModel timeline={timeline.value} against={against} />}
        </>
      )}
    </>
  );
}
