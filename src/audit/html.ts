import {
  barChart,
  drawForPage,
  formatCount,
  formatDollars,
  formatPercent,
  NOT_AVAILABLE,
  renderHtmlPage,
  type Section,
  type SummaryCard,
} from '../report/index.ts';
import type { AuditPart, AuditPolicy, AuditReport, Ratio } from './report-data.ts';

function number(title: string): { readonly title: string; readonly isNumber: true } {
  return { title, isNumber: true };
}

function formatShare({ ratio }: Ratio): string {
  return ratio === null ? NOT_AVAILABLE : formatPercent(ratio);
}

function formatOf({ numerator, denominator }: Ratio, things: string): string {
  return `${formatCount(numerator)} of ${formatCount(denominator)} ${things}`;
}

function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Days only: the hour says nothing here. */
function spanOf({ fromMs, toMs }: AuditReport): string {
  if (fromMs === null || toMs === null) return 'without dates';
  // Arithmetic on a given time, no look at the clock.
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'UTC', dateStyle: 'short' });
  const [from, to] = [day.format(fromMs), day.format(toMs)];
  return from === to ? `on ${from}` : `from ${from} to ${to} (UTC)`;
}

/** What caching as it was saved, or lost: the other way round from what going without would have. */
function cachingCard(noCaching: AuditPolicy): SummaryCard {
  const savedUsd = -noCaching.saved.usd;
  return {
    label: savedUsd < 0 ? 'Lost by caching' : 'Saved by caching',
    value: formatDollars(Math.abs(savedUsd)),
    note: `against ${formatDollars(noCaching.cost.usd)} without it`,
    tone: savedUsd < 0 ? 'loss' : 'gain',
  };
}

function cardsOf(report: AuditReport): readonly SummaryCard[] {
  const { paid, parts, hitRatio, policies } = report;
  const beyondUsd = parts.reduce((sum, part) => sum + part.beyondReading.usd, 0);
  const noCaching = policies.find(({ name }) => name === 'no-caching');
  return [
    { label: 'Paid', value: formatDollars(paid.usd), note: countOf(report.calls, 'call') },
    ...(noCaching ? [cachingCard(noCaching)] : []),
    {
      label: 'Misses, beyond what reading costs',
      value: formatDollars(beyondUsd),
      note: `${formatPercent(beyondUsd / paid.usd)} of what was paid`,
      tone: beyondUsd > 0 ? 'loss' : 'plain',
    },
    {
      label: 'Hit ratio by tokens',
      value: formatShare(hitRatio.byTokens),
      note: formatOf(hitRatio.byTokens, 'input tokens'),
    },
    {
      label: 'Hit ratio by requests',
      value: formatShare(hitRatio.byRequests),
      note: formatOf(hitRatio.byRequests, 'requests'),
    },
  ];
}

function costliestFirst(parts: readonly AuditPart[]): readonly AuditPart[] {
  return parts.filter(({ cost }) => cost.picoUsd !== '0').toSorted((a, b) => b.cost.usd - a.cost.usd);
}

async function partsSection(report: AuditReport): Promise<Section> {
  const parts = costliestFirst(report.parts);
  if (parts.length === 0)
    return {
      kind: 'text',
      heading: 'Where the money went',
      paragraphs: ['Nothing was paid in these files.'],
    };
  const labelOf = (part: AuditPart): string =>
    `${formatDollars(part.cost.usd)} · ${formatPercent(part.cost.usd / report.paid.usd)}`;
  const chart = barChart({
    id: 'cost-by-part',
    title: 'Where the money went',
    description: `Parts of the bill, costliest first: ${parts.map((part) => `${part.label} ${labelOf(part)}`).join('; ')}.`,
    partNames: ['Would be paid on a hit too', 'Lost by a miss'],
    bars: parts.map((part) => ({
      name: part.label,
      first: part.cost.usd - part.beyondReading.usd,
      second: part.beyondReading.usd,
      label: labelOf(part),
    })),
    lines: [],
    axisName: 'dollars',
    formatAxis: (usd) => (usd >= 1 ? `$${formatCount(usd)}` : `$${Number(usd.toPrecision(3))}`),
  });
  return {
    kind: 'chart',
    heading: chart.title,
    intro: 'Every dollar is in exactly one part. The second colour is what a hit would have saved.',
    drawn: await drawForPage(chart),
    table: {
      caption: 'Parts of the bill, costliest first.',
      columns: [
        { title: 'Part' },
        number('Calls'),
        number('Tokens'),
        number('Cost'),
        number('Of the bill'),
        number('Lost by a miss'),
      ],
      rows: parts.map((part) => [
        part.label,
        formatCount(part.calls),
        formatCount(part.tokens),
        formatDollars(part.cost.usd),
        formatPercent(part.cost.usd / report.paid.usd),
        part.isMiss ? formatDollars(part.beyondReading.usd) : '\u2013',
      ]),
    },
  };
}

function changesSection({ changes }: AuditReport): Section {
  const heading = 'What would help most';
  if (changes.length === 0)
    return { kind: 'text', heading, paragraphs: ['No change was found that would have lowered this bill.'] };
  return {
    kind: 'key-value',
    heading,
    intro: 'Changes overlap: what they would save must not be added up.',
    pairs: changes.map(({ title, detail, saved }) => [`${formatDollars(saved.usd)}: ${title}`, detail]),
  };
}

function policiesSection({ policies }: AuditReport): Section {
  return {
    kind: 'table',
    heading: 'What the same calls would have cost otherwise',
    intro: 'Against what was paid: a minus is dearer.',
    table: {
      caption: 'The same calls under other policies, output included.',
      columns: [{ title: 'Policy' }, number('Cost'), number('Would have saved')],
      rows: policies.map(({ label, cost, saved }) => [
        label,
        formatDollars(cost.usd),
        formatDollars(saved.usd),
      ]),
    },
  };
}

function hourSection({ hourWrites }: AuditReport): readonly Section[] {
  if (hourWrites.tokens === 0) return [];
  const { paid, notNeeded, neverRead } = hourWrites;
  const rows = [
    ['Read after more than 5 minutes', paid],
    ['Read, but always within 5 minutes', notNeeded],
    ['Never read again', neverRead],
  ] as const;
  return [
    {
      kind: 'table',
      heading: 'Did writing for 1 hour pay?',
      intro: `${formatCount(hourWrites.tokens)} tokens were written for 1 hour, for ${formatDollars(hourWrites.cost.usd)}. The premium is what they cost beyond a write for 5 minutes.`,
      table: {
        caption: 'Writes at the price of 1 hour, by what came of them.',
        columns: [{ title: 'Then' }, number('Tokens'), number('Premium')],
        rows: rows.map(([name, { tokens, premium }]) => [
          name,
          formatCount(tokens),
          formatDollars(premium.usd),
        ]),
      },
    },
  ];
}

function modelsSection({ models }: AuditReport): readonly Section[] {
  if (models.length === 0) return [];
  return [
    {
      kind: 'table',
      heading: 'Models',
      table: {
        caption: 'What was paid, by model.',
        columns: [{ title: 'Model' }, number('Calls'), number('Cost')],
        rows: models.map(({ model, calls, cost }) => [model, formatCount(calls), formatDollars(cost.usd)]),
      },
    },
  ];
}

function notesSection({ notes, moreNotes }: AuditReport): readonly Section[] {
  if (notes.length === 0) return [];
  const pairs: (readonly [string, string])[] = notes.map(({ path, note }) => [path, note]);
  if (moreNotes > 0) pairs.push(['and', `${formatCount(moreNotes)} more`]);
  return [{ kind: 'key-value', heading: 'Notes on the files', pairs }];
}

/**
 * An audit's result as one HTML file: what `audit --html FILE` writes. Without `echarts` the page has the tables and
 * says what to install. No text of prompts is in it.
 */
export async function renderAuditHtml(report: AuditReport, version: string): Promise<string> {
  const { files, calls, conversations, repeatedCalls, estimatedCalls } = report;
  const counted = [
    ...(repeatedCalls > 0
      ? [`Met again, in resumed or forked sessions, and counted once: ${countOf(repeatedCalls, 'call')}.`]
      : []),
    ...(estimatedCalls > 0
      ? [`Without usage in the log, and billed from estimated tokens: ${countOf(estimatedCalls, 'call')}.`]
      : []),
  ];
  return renderHtmlPage({
    title: 'What prompt caching cost and saved',
    subtitle: `${countOf(calls, 'call')} in ${countOf(conversations, 'conversation')}, ${countOf(files, 'file')}, ${spanOf(report)}`,
    cards: cardsOf(report),
    sections: [
      await partsSection(report),
      changesSection(report),
      policiesSection(report),
      ...hourSection(report),
      ...modelsSection(report),
      ...notesSection(report),
    ],
    assumptions: [...counted, ...report.assumptions],
    madeBy: `Made by cachewright ${version} on this machine; nothing was sent anywhere.`,
  });
}
