import type { JSX } from 'preact';

import { askBefore, askFiltered, askTimeline, filterKey, isFiltered } from '../data/range.ts';
import { linkTo, route, setParams } from '../data/route.ts';
import type { Against, Summary, Timeline, TimelineRow } from '../data/types.ts';
import { usePolled } from '../data/use-polled.ts';
import { formatCount, formatShare, formatUsd, formatWord, NOT_KNOWN } from '../format.ts';
import {
  Choice,
  Empty,
  Section,
  ShareTile,
  Signed,
  Tile,
  Tiles,
  toneOf,
  Trouble,
  Waiting,
} from '../parts/blocks.tsx';
import { Change, roseMost } from '../parts/change.tsx';
import { Filters } from '../parts/filters.tsx';
import { BilledOverTime, SavedOverTime } from '../parts/money-over-time.tsx';
import { PartsBar, tokenParts } from '../parts/parts-bar.tsx';
import { Table } from '../parts/table.tsx';

const SUMMARY_EVERY_MS = 5_000;
const TIMELINE_EVERY_MS = 15_000;
const BEFORE_EVERY_MS = 60_000;

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

function lostUsd({ misses }: Summary): number {
  return misses.reduce((sum, { costUsd }) => sum + costUsd, 0);
}

/** What was lost beside what was saved, and the way to why. */
function Missed({ summary, before }: Compared): JSX.Element {
  const [dearest] = summary.misses;
  const usd = lostUsd(summary);
  const rose = before?.requests ? roseMost(summary.misses, before.misses) : undefined;
  const detail = (
    <>
      {dearest ? (
        <a href={linkTo('misses')}>mostly {formatWord(dearest.reason)}</a>
      ) : (
        'all was read that could be'
      )}
      <Change before={before} usd={usd} of={lostUsd} />
      {rose && rose.reason !== dearest?.reason && (
        <a href={linkTo('misses', { reason: rose.reason })}>{formatWord(rose.reason)} rose most</a>
      )}
    </>
  );
  return <Tile name="Lost to misses" value={formatUsd(usd)} detail={detail} />;
}

/** Sums, and those of as long a time before. */
interface Compared {
  readonly summary: Summary;
  readonly before: Summary | null;
}

function Totals({ summary, before }: Compared): JSX.Element {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = summary;
  const input = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  return (
    <Tiles>
      <Tile
        name="Billed"
        value={formatUsd(summary.costUsd)}
        detail={
          <>
            input and output
            <Change before={before} usd={summary.costUsd} of={({ costUsd }) => costUsd} />
          </>
        }
      />
      <Tile name="Own costs" value={formatUsd(summary.ownCostUsd)} detail="pings and warming" />
      <Tile name="Requests" value={formatCount(summary.requests)} />
      <Missed summary={summary} before={before} />
      <ShareTile name="Hit ratio" numerator={readTokens} denominator={input} of="input tokens" />
    </Tiles>
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
            name: 'Hit ratio, of input tokens',
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
  const before = usePolled(key, askBefore<Summary>('/api/v1/summary'), BEFORE_EVERY_MS);
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
            <Totals summary={summary.value} before={before.value} />
            <PartsBar parts={tokenParts(summary.value)} unit="tokens" />
          </div>
          {timeline.value && (
            <div class="pair">
              <BilledOverTime timeline={timeline.value} />
              <SavedOverTime timeline={timeline.value} against={against} />
            </div>
          )}
          <div class="pair">
            <Comparisons summary={summary.value} />
            {timeline.value && <ByModel timeline={timeline.value} against={against} />}
          </div>
        </>
      )}
    </>
  );
}
