import type { JSX } from 'preact';

import { askBefore, askDearest, askFiltered, askTimeline, filterKey } from '../data/range.ts';
import { linkTo, route, setParams } from '../data/route.ts';
import type { Finding, MissSum, RequestRecord, Summary, Timeline } from '../data/types.ts';
import { adviceFor } from '../data/miss-reasons.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { formatCount, formatMinute, formatNumberOf, formatShare, formatUsd, formatWord } from '../format.ts';
import { Empty, Numbers, Section, Trouble, Waiting } from '../parts/blocks.tsx';
import { Change, lostTo } from '../parts/change.tsx';
import { Filters } from '../parts/filters.tsx';
import { MissExamples } from '../parts/miss-examples.tsx';
import { Table } from '../parts/table.tsx';
import { TimeBars } from '../parts/time-bars.tsx';
import { NoRequests } from './saving.tsx';

const SUMMARY_EVERY_MS = 5_000;
const DETAIL_EVERY_MS = 15_000;
const BEFORE_EVERY_MS = 60_000;
/** All misses of the range are looked at for them. */
const EXAMPLES_EVERY_MS = 60_000;
const EXAMPLES = 8;

function total(misses: readonly MissSum[]): number {
  return misses.reduce((sum, { costUsd }) => sum + costUsd, 0);
}

/** The reasons from the dearest on, each a button that shows what is behind it. */
function Pareto(props: {
  readonly misses: readonly MissSum[];
  readonly before: Summary | null;
  readonly chosen: string;
}): JSX.Element {
  const { misses, before, chosen } = props;
  const totalUsd = total(misses);
  const sumUsd = (index: number): number => total(misses.slice(0, index + 1));
  const largestUsd = Math.max(...misses.map(({ costUsd }) => costUsd), Number.MIN_VALUE);
  return (
    <ol class="pareto">
      {misses.map(({ reason, costUsd, requests }, index) => (
        <li key={reason}>
          <button
            type="button"
            aria-pressed={reason === chosen}
            onClick={() => setParams({ reason: reason === chosen ? null : reason })}
          >
            <span class="pareto-name">{formatWord(reason)}</span>
            <span class="pareto-usd">{formatUsd(costUsd)}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
              <rect class="fill-uncached" width={Math.max(0, (100 * costUsd) / largestUsd)} height="4" />
            </svg>
            <span class="pareto-detail">
              {formatShare(costUsd, totalUsd)} of {formatUsd(totalUsd)}
              {index > 0 &&
                `, with all above ${formatUsd(sumUsd(index))} (${formatShare(sumUsd(index), totalUsd)})`}{' '}
              · <span class="unbroken">{formatNumberOf(requests, 'request')}</span>
              <Change before={before} usd={costUsd} of={({ misses: old }) => lostTo(old, reason)} />
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function Meaning({ reason }: { readonly reason: string }): JSX.Element {
  const { meaning, advice } = adviceFor(reason);
  return (
    <dl class="advice">
      <dt>What it means</dt>
      <dd>{meaning}</dd>
      <dt>What to do</dt>
      <dd>{advice}</dd>
    </dl>
  );
}

/** What was lost in one bucket. */
interface Bucket {
  readonly atMs: number;
  readonly costUsd: number;
  readonly allUsd: number;
}

function bucketsOf(timeline: Timeline, reason: string): readonly Bucket[] {
  return [...Map.groupBy(timeline.rows, ({ atMs }) => atMs)].map(([atMs, rows]) => {
    const misses = rows.flatMap((row) => row.misses);
    const costUsd = total(misses.filter((miss) => miss.reason === reason));
    return { atMs, costUsd, allUsd: total(misses) };
  });
}

function OverTime(props: {
  readonly buckets: readonly Bucket[];
  readonly bucketMs: number;
  readonly reason: string;
}): JSX.Element {
  const { buckets, bucketMs, reason } = props;
  return (
    <>
      <TimeBars
        label={`Dollars lost to ${formatWord(reason)} by time; the numbers are in the table below`}
        timesMs={buckets.map(({ atMs }) => atMs)}
        bucketMs={bucketMs}
        series={[
          {
            name: `Lost: ${formatWord(reason)}`,
            colour: '--miss-fill',
            values: buckets.map(({ costUsd }) => costUsd),
          },
        ]}
      />
      <Numbers>
        <Table
          caption={`Lost to ${formatWord(reason)}, by time`}
          rows={buckets.toReversed()}
          keyOf={({ atMs }) => atMs}
          columns={[
            { name: 'From', show: ({ atMs }) => formatMinute(atMs) },
            { name: 'This reason', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
            { name: 'All reasons', isNumber: true, show: ({ allUsd }) => formatUsd(allUsd) },
          ]}
        />
      </Numbers>
    </>
  );
}

function Findings({ findings }: { readonly findings: readonly Finding[] }): JSX.Element | null {
  const dearest = findings.toSorted((one, other) => other.costUsd - one.costUsd);
  if (dearest.length === 0) return null;
  return (
    <Section
      title="What to change"
      note="Found by comparing requests since the gateway was started, dearest first."
    >
      <ul class="findings">
        {dearest.slice(0, 10).map((finding) => (
          <li key={`${finding.code} ${finding.sentence} ${finding.model} ${finding.lastMs}`}>
            <p>
              <strong class="loss">{formatUsd(finding.costUsd)}</strong> {finding.sentence}.
            </p>
            <p>Do this: {finding.advice}.</p>
            <p class="quiet">
              {finding.model} · seen in {formatCount(finding.seen)} of{' '}
              {formatNumberOf(finding.requests, 'request')} · last {formatMinute(finding.lastMs)}
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Reason(props: { readonly reason: string; readonly timeline: Timeline | null }): JSX.Element {
  const { reason, timeline } = props;
  const { value, problem } = usePolled(
    `${filterKey()} ${reason}`,
    askDearest<{ readonly requests: readonly RequestRecord[] }>(reason, EXAMPLES),
    EXAMPLES_EVERY_MS,
  );
  return (
    <Section title={`Misses: ${formatWord(reason)}`}>
      <Meaning reason={reason} />
      {timeline && (
        <OverTime buckets={bucketsOf(timeline, reason)} bucketMs={timeline.bucketMs} reason={reason} />
      )}
      {value ? <MissExamples records={value.requests} reason={reason} /> : <Waiting problem={problem} />}
      <p>
        <a href={linkTo('requests', { reason })}>All requests that missed for this reason, newest first</a>
      </p>
    </Section>
  );
}

function Found(props: {
  readonly summary: Summary;
  readonly before: Summary | null;
  readonly timeline: Timeline | null;
}): JSX.Element {
  const { summary, before, timeline } = props;
  const findings = usePolled(
    'findings',
    askFor<{ readonly findings: readonly Finding[] }>('/api/v1/findings'),
    DETAIL_EVERY_MS,
  );
  const { misses } = summary;
  const [dearest] = misses;
  const reason =
    misses.find((miss) => miss.reason === route.value.params['reason'])?.reason ?? dearest?.reason;
  return (
    <>
      {reason === undefined ? (
        <Empty title="Nothing was missed">
          <p>
            {formatNumberOf(summary.requests, 'request')}, and whatever had been sent before was read from the
            cache. There is nothing to do.
          </p>
        </Empty>
      ) : (
        <div class="columns">
          <Section
            title={`${formatUsd(total(misses))} paid for what could have been read`}
            note="Beyond the price of reading it, by reason. Choose one to see more."
          >
            <Pareto misses={misses} before={before?.requests ? before : null} chosen={reason} />
          </Section>
          <Reason reason={reason} timeline={timeline} />
        </div>
      )}
      {findings.value && <Findings findings={findings.value.findings} />}
    </>
  );
}

/** Why do misses happen? */
export function MissesScreen(): JSX.Element {
  const key = filterKey();
  const summary = usePolled(key, askFiltered<Summary>('/api/v1/summary'), SUMMARY_EVERY_MS);
  const timeline = usePolled(key, askTimeline, DETAIL_EVERY_MS);
  const before = usePolled(key, askBefore<Summary>('/api/v1/summary'), BEFORE_EVERY_MS);
  return (
    <>
      <Filters />
      {!summary.value && <Waiting problem={summary.problem} />}
      {summary.value && <Trouble problem={summary.problem ?? timeline.problem} />}
      {summary.value?.requests === 0 && <NoRequests />}
      {summary.value && summary.value.requests > 0 && (
        <Found summary={summary.value} before={before.value} timeline={timeline.value} />
      )}
    </>
  );
}
