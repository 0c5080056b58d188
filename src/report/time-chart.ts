import type { EChartsCoreOption } from 'echarts/core';

import { CHART_TEXT_PX, type Chart, type ChartLayout } from './chart.ts';
import { formatDollars, formatSpan } from './format.ts';
import { LINE_COLOURS, THEME } from './theme.ts';

/** What one policy had cost so far, at times in ms from the start, in order. */
export interface CostLine {
  readonly name: string;
  readonly points: readonly { readonly atMs: number; readonly usd: number }[];
}

/** Lines are told apart by more than colour. */
const DASHES: readonly (readonly number[])[] = [
  [1, 0],
  [7, 4],
  [2, 3],
  [10, 3, 2, 3],
  [4, 2],
  [12, 5],
];
/** More lines than this are a tangle. */
export const MOST_COST_LINES = 6;

const TIME_UNITS = [
  { unitMs: 86_400_000, name: 'days' },
  { unitMs: 3_600_000, name: 'hours' },
  { unitMs: 60_000, name: 'minutes' },
  { unitMs: 1_000, name: 'seconds' },
] as const;

function lastOf(line: CostLine): { readonly atMs: number; readonly usd: number } {
  return line.points.at(-1) ?? { atMs: 0, usd: 0 };
}

function spanOf(lines: readonly CostLine[]): number {
  return lines.reduce((span, line) => Math.max(span, lastOf(line).atMs), 0);
}

function pickTimeUnit(spanMs: number): { readonly unitMs: number; readonly name: string } {
  return TIME_UNITS.find(({ unitMs }) => spanMs >= 2 * unitMs) ?? { unitMs: 1_000, name: 'seconds' };
}

function optionFor(lines: readonly CostLine[], layout: ChartLayout): EChartsCoreOption {
  const textPx = CHART_TEXT_PX[layout];
  const isWide = layout === 'wide';
  const spanMs = spanOf(lines);
  const { unitMs, name } = pickTimeUnit(spanMs);
  const quiet = { color: THEME.quiet.light, fontSize: textPx };
  const legendPx = isWide ? 30 : 21 * lines.length + 8;
  return {
    grid: { left: 64, right: isWide ? 290 : 18, top: isWide ? 18 : legendPx, bottom: 48 },
    legend: {
      show: !isWide,
      top: 0,
      left: 0,
      orient: 'vertical',
      selectedMode: false,
      itemWidth: 34,
      // Only the line with its dashes; the points have no symbol in the chart either.
      itemStyle: { opacity: 0 },
      itemGap: 6,
      textStyle: { color: THEME.ink.light, fontSize: textPx },
    },
    xAxis: {
      type: 'value',
      min: 0,
      max: spanMs / unitMs,
      name: `${name} from the start`,
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: quiet,
      axisLabel: { ...quiet, showMaxLabel: false },
      axisLine: { show: true, lineStyle: { color: THEME.quiet.light } },
      axisTick: { lineStyle: { color: THEME.quiet.light } },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      axisLine: { lineStyle: { color: THEME.quiet.light } },
      axisTick: { show: false },
      splitNumber: 4,
      axisLabel: { ...quiet, formatter: (usd: number) => formatAxisDollars(usd) },
      splitLine: { lineStyle: { color: THEME.rule.light } },
    },
    series: lines.map((line, index) => {
      const colour = LINE_COLOURS[index % LINE_COLOURS.length];
      return {
        type: 'line',
        name: isWide ? line.name : `${line.name}  ${formatDollars(lastOf(line).usd)}`,
        color: colour,
        symbol: 'none',
        lineStyle: { width: 2.25, type: DASHES[index % DASHES.length] },
        data: line.points.map(({ atMs, usd }) => [atMs / unitMs, usd]),
        endLabel: {
          show: isWide,
          formatter: `${line.name}  ${formatDollars(lastOf(line).usd)}`,
          color: colour,
          fontSize: textPx,
          distance: 8,
          textBorderColor: 'none',
        },
        labelLayout: { moveOverlap: 'shiftY' },
      };
    }),
  };
}

function formatAxisDollars(usd: number): string {
  return usd >= 10 ? `$${usd.toLocaleString('en-US')}` : `$${Number(usd.toPrecision(3))}`;
}

/** Lines: what each policy had cost so far. At most `MOST_COST_LINES`, the first ones. */
export function timeChart(lines: readonly CostLine[]): Chart {
  const shown = lines.slice(0, MOST_COST_LINES).toSorted((a, b) => lastOf(b).usd - lastOf(a).usd);
  const ends = shown.map((line) => `${line.name} ${formatDollars(lastOf(line).usd)}`).join(', ');
  return {
    id: 'cost-over-time',
    title: 'Cost over time',
    description: `Cost so far of each policy over ${formatSpan(spanOf(shown))}; at the end: ${ends}.`,
    heightPx: { wide: 380, narrow: 320 + 21 * shown.length },
    optionFor: (layout) => optionFor(shown, layout),
  };
}
