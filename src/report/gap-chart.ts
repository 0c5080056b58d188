import type { EChartsCoreOption } from 'echarts/core';

import { CHART_TEXT_PX, type Chart, type ChartLayout } from './chart.ts';
import { formatCount, formatPercent, formatSpan } from './format.ts';
import { THEME } from './theme.ts';

/** Tokens whose prefix was used again after a time in [`fromMs`, `toMs`). */
export interface GapBin {
  readonly fromMs: number;
  /** Infinity in the last bin. */
  readonly toMs: number;
  readonly tokens: number;
}

/** The two TTLs, in ms (spec 2.2). */
const MARKS_MS = [300_000, 3_600_000] as const;
/** How a text at a line is aligned so that it stands left of the first line, and right of the second. */
const OUTWARDS = ['right', 'left'] as const;
/** How much wider than its beginning an open bin is drawn. */
const OPEN_BIN_RATIO = 1.5;
const TICKS_MS: readonly number[] = [
  1_000,
  10_000,
  60_000,
  MARKS_MS[0],
  900_000,
  MARKS_MS[1],
  21_600_000,
  86_400_000,
  604_800_000,
  2_592_000_000,
];
const NARROW_TICKS_MS = new Set([1_000, 10_000, ...MARKS_MS, 86_400_000, 604_800_000]);

const AXIS_UNITS = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
] as const;

interface Zone {
  readonly name: string;
  readonly colour: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const ZONES: readonly Zone[] = [
  { name: 'within 5 min', colour: THEME.blue.light, fromMs: 0, toMs: MARKS_MS[0] },
  { name: '5 min to 1 h', colour: THEME.orange.light, fromMs: MARKS_MS[0], toMs: MARKS_MS[1] },
  { name: 'after 1 h', colour: THEME.purple.light, fromMs: MARKS_MS[1], toMs: Infinity },
];

/** The part of the engine's drawing interface that a bar needs. */
interface DrawApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
}

interface DrawnBin {
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
}

/** On the axis: decimal logarithm of ms. */
function toAxis(bin: GapBin): DrawnBin {
  const fromMs = bin.fromMs > 0 ? bin.fromMs : bin.toMs / OPEN_BIN_RATIO;
  const toMs = Number.isFinite(bin.toMs) ? bin.toMs : fromMs * OPEN_BIN_RATIO;
  return { from: Math.log10(fromMs), to: Math.log10(toMs), tokens: bin.tokens };
}

/** A bin that spans a mark counts where its middle lies. */
function binsOf(zone: Zone, bins: readonly GapBin[]): readonly GapBin[] {
  return bins.filter(({ fromMs, toMs }) => {
    const middleMs = Number.isFinite(toMs) ? Math.sqrt(fromMs * toMs) : fromMs;
    return middleMs >= zone.fromMs && middleMs < zone.toMs;
  });
}

function sumTokens(bins: readonly GapBin[]): number {
  return bins.reduce((sum, { tokens }) => sum + tokens, 0);
}

function zoneName(zone: Zone, bins: readonly GapBin[]): string {
  return `${zone.name}: ${formatPercent(sumTokens(binsOf(zone, bins)) / sumTokens(bins))}`;
}

function drawBar(colour: string) {
  return (_: unknown, api: DrawApi): object => {
    const [left, top] = api.coord([api.value(0), api.value(2)]);
    const [right, bottom] = api.coord([api.value(1), 0]);
    const width = Math.max(1, right - left - 1);
    return {
      type: 'rect',
      shape: { x: left, y: top, width, height: bottom - top },
      style: { fill: colour },
    };
  };
}

function markLines(textPx: number, isWide: boolean): object {
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color: THEME.ink.light, width: 1.5, type: 'dashed' },
    label: { color: THEME.ink.light, fontSize: textPx, position: 'end', textBorderColor: 'none' },
    data: MARKS_MS.map((markMs, index) => ({
      xAxis: Math.log10(markMs),
      // On a phone the names stand outwards of their lines, which are close together.
      label: { formatter: `${formatSpan(markMs)} TTL`, align: isWide ? 'center' : OUTWARDS[index] },
    })),
  };
}

function optionFor(bins: readonly GapBin[], layout: ChartLayout): EChartsCoreOption {
  const textPx = CHART_TEXT_PX[layout];
  const isWide = layout === 'wide';
  const drawn = bins.map(toAxis);
  const quiet = { color: THEME.quiet.light, fontSize: textPx };
  const min = Math.min(Math.log10(60_000), ...drawn.map(({ from }) => from));
  const max = Math.max(Math.log10(MARKS_MS[1]) + 0.4, ...drawn.map(({ to }) => to));
  const ticks = TICKS_MS.filter((tickMs) => isWide || NARROW_TICKS_MS.has(tickMs))
    .map((tickMs) => Math.log10(tickMs))
    .filter((tick) => tick >= min - 1e-9 && tick <= max + 1e-9);
  return {
    grid: { left: isWide ? 76 : 52, right: 20, top: isWide ? 64 : 104, bottom: 52 },
    legend: {
      top: 0,
      left: 0,
      selectedMode: false,
      orient: isWide ? 'horizontal' : 'vertical',
      itemWidth: 16,
      itemHeight: 12,
      textStyle: { color: THEME.ink.light, fontSize: textPx },
    },
    xAxis: {
      type: 'value',
      min,
      max,
      name: 'time since the prefix was last used (logarithmic)',
      nameLocation: 'middle',
      nameGap: 30,
      nameTextStyle: quiet,
      axisLine: { show: true, onZero: false, lineStyle: { color: THEME.quiet.light } },
      axisTick: { show: true, customValues: ticks, lineStyle: { color: THEME.quiet.light } },
      axisLabel: { ...quiet, customValues: ticks, formatter: (at: number) => formatSpan(10 ** at) },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      name: 'tokens',
      nameTextStyle: { ...quiet, align: 'right', padding: [0, 8, 0, 0] },
      axisLine: { lineStyle: { color: THEME.quiet.light } },
      axisTick: { show: false },
      splitNumber: 4,
      axisLabel: { ...quiet, formatter: formatAxisTokens },
      splitLine: { lineStyle: { color: THEME.rule.light } },
    },
    series: ZONES.map((zone, index) => ({
      type: 'custom',
      name: zoneName(zone, bins),
      color: zone.colour,
      renderItem: drawBar(zone.colour),
      encode: { x: [0, 1], y: 2 },
      data: binsOf(zone, bins)
        .map(toAxis)
        .map(({ from, to, tokens }) => [from, to, tokens]),
      ...(index === 0 ? { markLine: markLines(textPx, isWide) } : {}),
    })),
  };
}

function formatAxisTokens(tokens: number): string {
  const [size, unit] = AXIS_UNITS.find(([least]) => tokens >= least) ?? [1, ''];
  return `${Number((tokens / size).toFixed(1))}${unit}`;
}

/** Each zone by its name, for a table beside the chart. */
export function countGapZones(
  bins: readonly GapBin[],
): readonly { readonly name: string; readonly tokens: number; readonly share: number }[] {
  const all = sumTokens(bins);
  return ZONES.map((zone) => {
    const tokens = sumTokens(binsOf(zone, bins));
    return { name: zone.name, tokens, share: tokens / all };
  });
}

/** Histogram: after how long a prefix was used again, on a logarithmic axis, with a line at either TTL. */
export function gapChart(bins: readonly GapBin[]): Chart {
  const filled = bins.filter(({ tokens }) => tokens > 0);
  const parts = ZONES.map((zone) => zoneName(zone, filled)).join(', ');
  return {
    id: 'time-to-re-use',
    title: 'How long until a prefix is used again',
    description: `Histogram of ${formatCount(sumTokens(filled))} tokens that were used again, by the time since their last use, on a logarithmic axis with lines at 5 minutes and 1 hour: ${parts}.`,
    heightPx: { wide: 340, narrow: 340 },
    optionFor: (layout) => optionFor(filled, layout),
  };
}
