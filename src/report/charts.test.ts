import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { drawChart, type Chart, type ChartLayout } from './chart.ts';
import { renderPicture } from './drawn-chart.ts';
import { FONT_FILE } from './font.ts';
import { countGapZones, gapChart } from './gap-chart.ts';
import { renderPng } from './png.ts';
import { policyChart } from './policy-chart.ts';
import { THEME } from './theme.ts';
import { timeChart } from './time-chart.ts';

const bins = [
  { fromMs: 0, toMs: 1_000, tokens: 5 },
  { fromMs: 1_000, toMs: 300_000, tokens: 65 },
  { fromMs: 300_000, toMs: 3_600_000.0001, tokens: 20 },
  { fromMs: 3_600_000.0001, toMs: Infinity, tokens: 10 },
];

const CHARTS: Readonly<Record<string, Chart>> = {
  policies: policyChart({
    policies: [
      { name: 'none', costRatio: 1, ownRatio: 0 },
      { name: 'keepalive <naive> & "co"', costRatio: 1.365, ownRatio: 1.1 },
      { name: 'clairvoyant', costRatio: 0.145, ownRatio: 0.002 },
    ],
    lowerBoundRatio: 0.143,
  }),
  'a single free policy': policyChart({
    policies: [{ name: 'a', costRatio: 0, ownRatio: 0 }],
    lowerBoundRatio: null,
  }),
  gaps: gapChart(bins),
  'one gap': gapChart([{ fromMs: 4e9, toMs: Infinity, tokens: 1 }]),
  time: timeChart(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, index) => ({
      name,
      points: [
        { atMs: 0, usd: 0 },
        { atMs: 7_200_000, usd: index / 1000 },
      ],
    })),
  ),
  'a moment': timeChart([{ name: 'a', points: [{ atMs: 0, usd: 1 }] }]),
};
const CASES = Object.entries(CHARTS).flatMap(([name, chart]) =>
  (['wide', 'narrow'] as const).map((layout): [string, ChartLayout, Chart] => [name, layout, chart]),
);

describe('a chart', () => {
  test.each(CASES)('of %s, %s: has only colours that a dark page knows', async (_, layout, chart) => {
    const svg = await drawChart(chart, layout);
    const colours = [...svg.matchAll(/(?:fill|stroke)="([^"]*)"/g)].map((match) => match[1]);
    const known = new Set([...Object.values(THEME).map(({ light }) => light), 'none', 'transparent']);
    expect(colours.filter((colour) => colour !== undefined && !known.has(colour))).toEqual([]);
  });

  test.each(CASES)(
    'of %s, %s: is labelled, without scripts, styles and loading',
    async (_, layout, chart) => {
      const svg = await drawChart(chart, layout);
      expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="[\w-]+-title [\w-]+-desc"/);
      expect(svg).not.toMatch(/<style|<script|style=|class=|href=|ecmeta|NaN|undefined/);
      expect(await renderPng(svg, 1)).toHaveProperty('length');
    },
  );

  test('is the same bytes for the same data', async () => {
    const chart = CHARTS['gaps']!;
    expect(await drawChart(chart, 'wide')).toBe(await drawChart(chart, 'wide'));
  });

  test('tells in words what it shows', () => {
    expect(CHARTS['policies']!.description).toBe(
      'Cost of each policy as a share of the cost of no caching, cheapest first: clairvoyant 0.145 (−85.5 % · 1.01× bound); none 1.000 (0.0 % · 6.99× bound); keepalive <naive> & "co" 1.365 (+36.5 % · 9.55× bound). No policy can cost less than 0.143.',
    );
  });
});

test('gaps are counted by where the middle of their bin lies', () => {
  expect(countGapZones(bins)).toEqual([
    { name: 'within 5 min', tokens: 70, share: 0.7 },
    { name: '5 min to 1 h', tokens: 20, share: 0.2 },
    { name: 'after 1 h', tokens: 10, share: 0.1 },
  ]);
});

test('a picture holds several charts, each with ids of its own', async () => {
  const svg = await renderPicture({ title: 'A & B', subtitle: '<c>' }, [
    CHARTS['policies']!,
    CHARTS['time']!,
  ]);
  const ids = [...svg.matchAll(/\bid="([^"]*)"/g)].map((match) => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
  expect(svg).toContain('A &amp; B');
  expect(await renderPng(svg, 1)).toHaveProperty('length');
});

describe('a PNG', () => {
  const drawText = (text: string): Promise<Uint8Array> =>
    renderPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="5" y="30" font-size="24" font-family="No Such Font">${text}</text></svg>`,
      1,
    );

  test('has all signs that reports use, from the font that is shipped', async () => {
    expect(readFileSync(FONT_FILE).length).toBeGreaterThan(100_000);
    const blank = Buffer.from(await drawText(' '));
    const missing = Buffer.from(await drawText('\u05fe'));
    for (const sign of 'aZ09$%.,:·×−–+¼½¾éßЖΩ…≤') {
      const drawn = Buffer.from(await drawText(sign));
      expect([sign, drawn.equals(blank), drawn.equals(missing)]).toEqual([sign, false, false]);
    }
  });
});
