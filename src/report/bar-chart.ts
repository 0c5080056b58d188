import type { EChartsCoreOption } from 'echarts/core';

import { CHART_TEXT_PX, type Chart, type ChartLayout } from './chart.ts';
import { THEME } from './theme.ts';

/** A bar in two parts, one after the other. */
export interface Bar {
  readonly name: string;
  readonly first: number;
  readonly second: number;
  /** Stands at the end of the bar. */
  readonly label: string;
}

/** A line across all bars. */
export interface BarLine {
  readonly at: number;
  readonly name: string;
  readonly isDashed: boolean;
  /** On which side of the line its name stands. */
  readonly side: 'left' | 'center' | 'right';
}

export interface BarChartData {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** What the first and the second part of each bar are. */
  readonly partNames: readonly [string, string];
  /** From top to bottom. */
  readonly bars: readonly Bar[];
  readonly lines: readonly BarLine[];
  readonly axisName: string;
  readonly formatAxis: (value: number) => string;
}

const ROW_PX: Readonly<Record<ChartLayout, number>> = { wide: 34, narrow: 44 };
const BAR_PX: Readonly<Record<ChartLayout, number>> = { wide: 18, narrow: 14 };
const BOTTOM_PX = 50;

/** Below the legend; more where lines have names. */
function topPx(data: BarChartData): number {
  return data.lines.length > 0 ? 56 : 34;
}

function markLine(line: BarLine, textPx: number): object {
  const color = line.isDashed ? THEME.quiet.light : THEME.ink.light;
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color, width: 1.5, type: line.isDashed ? 'dashed' : 'solid' },
    label: {
      formatter: line.name,
      // Its upper end: the axis of the names runs downwards.
      position: 'start',
      align: line.side,
      color,
      fontSize: textPx,
      textBorderColor: 'none',
    },
    data: [{ xAxis: line.at }],
  };
}

/** Dashed lines lie behind the bars, solid ones before them. */
function lineSeries(line: BarLine, textPx: number): object {
  const z = line.isDashed ? 1 : 5;
  return { type: 'bar', stack: 'parts', z, data: [], markLine: { ...markLine(line, textPx), z } };
}

function barSeries(data: BarChartData, layout: ChartLayout): readonly object[] {
  const bar = { type: 'bar', stack: 'parts', barWidth: BAR_PX[layout] };
  const label = {
    // On a phone it stands above the bar, with the name.
    show: layout === 'wide',
    position: 'right',
    color: THEME.ink.light,
    fontSize: CHART_TEXT_PX[layout],
    textBorderColor: 'none',
    // Covers the lines behind it.
    backgroundColor: THEME.ground.light,
    padding: [2, 3],
  };
  const [firstName, secondName] = data.partNames;
  return [
    { ...bar, name: firstName, color: THEME.blue.light, data: data.bars.map(({ first }) => first) },
    {
      ...bar,
      name: secondName,
      color: THEME.orange.light,
      data: data.bars.map((item) => ({ value: item.second, label: { ...label, formatter: item.label } })),
    },
  ];
}

function nameAxis(data: BarChartData, layout: ChartLayout): object {
  const text = { color: THEME.ink.light, fontSize: CHART_TEXT_PX[layout] };
  const axis = {
    type: 'category',
    inverse: true,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: THEME.quiet.light } },
    z: 10,
  };
  if (layout === 'wide') return { ...axis, data: data.bars.map(({ name }) => name), axisLabel: text };
  return {
    ...axis,
    data: data.bars.map(({ name, label }) => `{name|${name}  ${label}}`),
    axisLabel: {
      ...text,
      inside: true,
      verticalAlign: 'bottom',
      margin: -2,
      // Above the bar, which is in the middle of its row.
      padding: [0, 0, 8, 0],
      rich: { name: { ...text, backgroundColor: THEME.ground.light, padding: [2, 4, 2, 0] } },
    },
  };
}

function optionFor(data: BarChartData, layout: ChartLayout): EChartsCoreOption {
  const textPx = CHART_TEXT_PX[layout];
  const isWide = layout === 'wide';
  const quiet = { color: THEME.quiet.light, fontSize: textPx };
  return {
    grid: { left: isWide ? 220 : 8, right: isWide ? 190 : 22, top: topPx(data), bottom: BOTTOM_PX },
    legend: {
      data: [...data.partNames],
      top: 0,
      left: 0,
      selectedMode: false,
      textStyle: { color: THEME.ink.light, fontSize: textPx },
      itemWidth: 16,
      itemHeight: 12,
    },
    xAxis: {
      type: 'value',
      min: 0,
      splitNumber: isWide ? 6 : 3,
      name: data.axisName,
      nameLocation: 'middle',
      nameGap: 30,
      nameTextStyle: quiet,
      axisLabel: { ...quiet, formatter: data.formatAxis },
      splitLine: { lineStyle: { color: THEME.rule.light } },
    },
    yAxis: nameAxis(data, layout),
    series: [...data.lines.map((line) => lineSeries(line, textPx)), ...barSeries(data, layout)],
  };
}

/** Bars in two colours from left to right, one under the other, each with its name and a label. */
export function barChart(data: BarChartData): Chart {
  const height = (layout: ChartLayout): number => topPx(data) + BOTTOM_PX + ROW_PX[layout] * data.bars.length;
  const { id, title, description } = data;
  return {
    id,
    title,
    description,
    heightPx: { wide: height('wide'), narrow: height('narrow') },
    optionFor: (layout) => optionFor(data, layout),
  };
}
