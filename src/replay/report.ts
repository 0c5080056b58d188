import {
  countGapZones,
  drawForPage,
  formatCount,
  formatDollars,
  formatPercent,
  formatRatio,
  formatTimes,
  gapChart,
  MOST_COST_LINES,
  NOT_AVAILABLE,
  pickTokenUnit,
  policyChart,
  renderHtmlPage,
  renderPicture,
  timeChart,
  type Chart,
  type CostLine,
  type Section,
  type SummaryCard,
  type TableData,
} from '../report/index.ts';
import type { LowerBoundResult, PolicyResult } from './results.ts';
import type { ReplayResult } from './run.ts';

/** What a report is made from: a replay's result with the lower bound, null where none was computed. */
export interface ReplayReportData extends Pick<
  ReplayResult,
  'trace' | 'requests' | 'model' | 'noCacheUsd' | 'policies' | 'families' | 'reuse' | 'costOverTime' | 'notes'
> {
  readonly lowerBound: Pick<LowerBoundResult, 'costRatio' | 'assumptions'> | null;
}

type BoundRatio = Pick<LowerBoundResult, 'costRatio'>;

/** Policies whose lines say the most, when there are more than a chart can hold. */
const LINES_FIRST = [
  'automatic-5m',
  'always-1h',
  'cachewright',
  'cachewright+keepalive+gate',
  'clairvoyant',
  'layers',
];
const NO_CACHING = 'none';
const ASSUMPTIONS = [
  'Costs are of input: the answers cost the same under every policy.',
  'An entry can be read from the moment the response that wrote it began until its TTL ends; nothing is evicted early.',
  'What a policy sends by itself (pings) is part of its cost.',
  'The lower bound knows every request in advance and need not be reachable; "clairvoyant" is a plan that is.',
];

function costsOf({ policies, noCacheUsd, lowerBound }: ReplayReportData): Chart {
  return policyChart({
    policies: policies.map(({ name, costRatio, pingUsd }) => ({
      name,
      costRatio,
      ownRatio: noCacheUsd > 0 ? pingUsd / noCacheUsd : 0,
    })),
    lowerBoundRatio: lowerBound?.costRatio ?? null,
  });
}

function costLinesOf({ costOverTime }: ReplayReportData): readonly CostLine[] {
  const rank = (name: string): number => {
    const at = LINES_FIRST.indexOf(name);
    return at < 0 ? LINES_FIRST.length : at;
  };
  // The line of no caching would press all others to the ground; its cost is in the cards.
  return costOverTime.policies
    .filter(({ name }) => name !== NO_CACHING)
    .toSorted((a, b) => rank(a.name) - rank(b.name))
    .slice(0, MOST_COST_LINES)
    .map(({ name, costUsd }) => ({
      name,
      points: [
        { atMs: 0, usd: 0 },
        ...costUsd.map((usd, index) => ({ atMs: costOverTime.timesMs[index] ?? 0, usd })),
      ],
    }));
}

function hasReuse({ reuse }: ReplayReportData): boolean {
  return reuse.bins.some(({ tokens }) => tokens > 0);
}

function describePrices(model: string): string {
  if (model === 'theory') return 'one price for all models';
  return model === 'recorded' ? 'prices of the models recorded' : `prices of ${model}`;
}

function headingOf({ trace, requests, model }: ReplayReportData): { title: string; subtitle: string } {
  return {
    title: 'What caching would have cost',
    subtitle: `Replay of ${trace}: ${formatCount(requests)} requests, ${describePrices(model)}`,
  };
}

function timesBound(policy: PolicyResult, lowerBound: BoundRatio | null): string {
  const bound = lowerBound?.costRatio ?? 0;
  return bound > 0 ? formatTimes(policy.costRatio / bound) : NOT_AVAILABLE;
}

function policyCard(label: string, policy: PolicyResult, { noCacheUsd }: ReplayReportData): SummaryCard {
  const savedUsd = noCacheUsd - policy.costUsd;
  const percent = formatPercent(noCacheUsd > 0 ? -savedUsd / noCacheUsd : NaN, true);
  return {
    label,
    value: formatDollars(policy.costUsd),
    note: `${policy.name}: ${percent} against ${formatDollars(noCacheUsd)}`,
    tone: savedUsd >= 0 ? 'gain' : 'loss',
  };
}

function cardsOf(data: ReplayReportData): readonly SummaryCard[] {
  const { policies, noCacheUsd, lowerBound } = data;
  const online = policies.filter(({ name }) => name !== 'clairvoyant' && name !== NO_CACHING);
  const best = online.toSorted((a, b) => a.costUsd - b.costUsd)[0];
  const automatic = policies.find(({ name }) => name === 'automatic-5m');
  return [
    { label: 'No caching', value: formatDollars(noCacheUsd), note: 'input cost, the measure of all others' },
    ...(automatic ? [policyCard('Automatic caching', automatic, data)] : []),
    ...(best ? [policyCard('Cheapest policy', best, data)] : []),
    ...(lowerBound
      ? [
          {
            label: 'Lower bound',
            value: formatDollars(lowerBound.costRatio * noCacheUsd),
            note: `${formatRatio(lowerBound.costRatio)} of no caching: no policy can cost less`,
          },
        ]
      : []),
  ];
}

function policyTable(
  caption: string,
  policies: readonly PolicyResult[],
  lowerBound: BoundRatio | null,
): TableData {
  const { unit, write } = pickTokenUnit(
    policies.flatMap((policy) => [
      policy.readTokens,
      policy.write5mTokens,
      policy.write1hTokens,
      policy.uncachedTokens,
    ]),
  );
  const number = (title: string): { title: string; isNumber: true } => ({ title, isNumber: true });
  return {
    caption: `${caption} Tokens in ${unit}, without those of pings.`,
    columns: [
      { title: 'Policy' },
      number('Of no caching'),
      number('× bound'),
      number('Cost'),
      number('Read'),
      number('Written, 5m'),
      number('Written, 1h'),
      number('Uncached'),
      number('Pings'),
      number('Their cost'),
    ],
    rows: policies
      .toSorted((a, b) => a.costUsd - b.costUsd)
      .map((policy) => [
        policy.name,
        formatRatio(policy.costRatio),
        timesBound(policy, lowerBound),
        formatDollars(policy.costUsd),
        write(policy.readTokens),
        write(policy.write5mTokens),
        write(policy.write1hTokens),
        write(policy.uncachedTokens),
        formatCount(policy.pings),
        formatDollars(policy.pingUsd),
      ]),
  };
}

async function costSections(data: ReplayReportData): Promise<readonly Section[]> {
  const chart = costsOf(data);
  return [
    {
      kind: 'chart',
      heading: chart.title,
      intro: 'Cheapest first. The percentage compares with no caching, the factor with the lower bound.',
      drawn: await drawForPage(chart),
      table: policyTable('All policies, cheapest first.', data.policies, data.lowerBound),
    },
  ];
}

async function gapSections(data: ReplayReportData): Promise<readonly Section[]> {
  if (!hasReuse(data)) {
    const paragraphs = ['No prefix was used twice in this trace: there is nothing to read from a cache.'];
    return [{ kind: 'text', heading: 'How long until a prefix is used again', paragraphs }];
  }
  const chart = gapChart(data.reuse.bins);
  return [
    {
      kind: 'chart',
      heading: chart.title,
      intro: `An entry of 5m would have served what stands before the first line, an entry of 1h what stands before the second. ${formatCount(data.reuse.firstTokens)} tokens were sent for the first time and are not in it.`,
      drawn: await drawForPage(chart),
      table: {
        caption: 'Tokens by the time since their prefix was last used.',
        columns: [
          { title: 'Used again' },
          { title: 'Tokens', isNumber: true },
          { title: 'Share', isNumber: true },
        ],
        rows: countGapZones(data.reuse.bins).map(({ name, tokens, share }) => [
          name,
          formatCount(tokens),
          formatPercent(share),
        ]),
      },
    },
  ];
}

async function timeSections(data: ReplayReportData): Promise<readonly Section[]> {
  const lines = costLinesOf(data);
  if (lines.length === 0 || data.costOverTime.timesMs.length === 0) return [];
  const chart = timeChart(lines);
  return [
    {
      kind: 'chart',
      heading: chart.title,
      intro: `Input cost so far, pings included. No caching would have reached ${formatDollars(data.noCacheUsd)}.`,
      drawn: await drawForPage(chart),
      table: {
        caption: 'Cost so far at a quarter, half, three quarters and the end of the time.',
        columns: [{ title: 'Policy' }, ...['¼', '½', '¾', 'End'].map((title) => ({ title, isNumber: true }))],
        rows: lines.map(({ name, points }) => [
          name,
          ...[0.25, 0.5, 0.75, 1].map((share) =>
            formatDollars(points[Math.round((points.length - 1) * share)]?.usd ?? NaN),
          ),
        ]),
      },
    },
  ];
}

function familySections(data: ReplayReportData): readonly Section[] {
  return data.families.map(({ family, requests, noCacheUsd, policies, lowerBound }) => ({
    kind: 'table',
    heading: `Only ${family}`,
    intro: `${formatCount(requests)} requests; ${formatDollars(noCacheUsd)} without caching.`,
    table: policyTable(`Policies on ${family}.`, policies, lowerBound),
  }));
}

/**
 * A replay's result as one HTML file: what `replay --html FILE` writes. Without `echarts` the page has the tables and
 * says what to install.
 */
export async function renderReplayHtml(data: ReplayReportData, version: string): Promise<string> {
  const sections = [
    ...(await costSections(data)),
    ...(await gapSections(data)),
    ...(await timeSections(data)),
    ...familySections(data),
  ];
  return renderHtmlPage({
    ...headingOf(data),
    cards: cardsOf(data),
    sections,
    assumptions: [...ASSUMPTIONS, ...(data.lowerBound?.assumptions ?? []), ...data.notes],
    madeBy: `Made by cachewright ${version} on this machine; nothing was sent anywhere.`,
  });
}

/**
 * The charts of a replay's result as one SVG file: what `replay --svg FILE` writes, and `--png FILE` through
 * `renderPng` of the report room.
 *
 * @throws MissingPackageError without `echarts`.
 */
export async function renderReplayPicture(data: ReplayReportData): Promise<string> {
  const lines = costLinesOf(data);
  const charts = [
    costsOf(data),
    ...(hasReuse(data) ? [gapChart(data.reuse.bins)] : []),
    ...(lines.length > 0 ? [timeChart(lines)] : []),
  ];
  return renderPicture(headingOf(data), charts);
}
