import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import { formatAxisUsd, formatMinute } from '../format.ts';

/** Bars of one colour over time; a bar may be negative. */
export interface BarSeries {
  readonly name: string;
  /** Name of the custom property that has its colour. */
  readonly colour: string;
  readonly values: readonly number[];
}

interface TimeBarsProps {
  /** What it shows, in words: it is a drawing. */
  readonly label: string;
  /** Begin of each bucket, ms since 1970, ascending. */
  readonly timesMs: readonly number[];
  readonly bucketMs: number;
  /** Drawn in this order, one over the other. */
  readonly series: readonly BarSeries[];
}

const HEIGHT_REM = 15;
/** The height of a chart in which nothing rises. */
const SMALLEST_USD = 0.000_001;
const DARK = matchMedia('(prefers-color-scheme: dark)');

function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axisTime(timeMs: number, stepMs: number): string {
  const format = new Intl.DateTimeFormat(
    'en-GB',
    stepMs >= 86_400_000 ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' },
  );
  return format.format(timeMs);
}

/** A canvas has no rem: on a very large screen it grows with all else. */
function pxOfRem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function axesOf(): uPlot.Axis[] {
  const size = Math.round(0.75 * pxOfRem());
  const common = {
    stroke: colourOf('--quiet'),
    grid: { stroke: colourOf('--rule'), width: 1 },
    ticks: { show: false },
    font: `${size}px system-ui, sans-serif`,
  };
  return [
    {
      ...common,
      grid: { show: false },
      // Below the lowest mark of the other axis, which begins where this one does.
      gap: size,
      space: 5 * size,
      size: 3.2 * size,
      values: (_plot, splits, _axis, _space, step) => splits.map((at) => axisTime(at * 1_000, step * 1_000)),
    },
    {
      ...common,
      size: 6 * size,
      values: (_plot, splits) => splits.map((usd) => formatAxisUsd(Number(usd.toPrecision(6)))),
    },
  ];
}

function optionsOf({ series, bucketMs, timesMs }: TimeBarsProps, width: number): uPlot.Options {
  const bucketS = bucketMs / 1_000;
  const first = (timesMs[0] ?? 0) / 1_000;
  const last = (timesMs.at(-1) ?? 0) / 1_000;
  // A few bars alone would be as broad as the chart.
  const spare = Math.max(bucketS, (12 * bucketS - (last - first)) / 2);
  const paths = uPlot.paths.bars?.({ size: [0.72, 48], align: 0 });
  return {
    width,
    height: HEIGHT_REM * pxOfRem(),
    // The last mark of time stands under the end of its axis.
    padding: [null, 1.75 * pxOfRem(), null, null],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: () => [first - spare, last + spare] },
      y: { range: (_plot, min, max) => [Math.min(0, min) * 1.1, Math.max(0, max) * 1.1 || SMALLEST_USD] },
    },
    axes: axesOf(),
    series: [
      {},
      ...series.map(({ name, colour }) => ({
        label: name,
        fill: colourOf(colour),
        stroke: colourOf(colour),
        width: 0,
        points: { show: false },
        ...(paths && { paths }),
      })),
    ],
  };
}

function draw(frame: HTMLElement, props: TimeBarsProps): uPlot {
  const data: uPlot.AlignedData = [
    props.timesMs.map((timeMs) => timeMs / 1_000),
    ...props.series.map(({ values }) => [...values]),
  ];
  const plot = new uPlot(optionsOf(props, frame.clientWidth), data, frame);
  // It is described by its label and the table below; a screen reader has nothing to find in it.
  plot.root.setAttribute('aria-hidden', 'true');
  return plot;
}

/** Money by time as bars, drawn anew for another width or another colour scheme. */
export function TimeBars(props: TimeBarsProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const drawn = JSON.stringify([props.timesMs, props.series]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    let plot = draw(element, props);
    const again = (): void => {
      plot.destroy();
      plot = draw(element, props);
    };
    const resizing = new ResizeObserver(() => {
      if (plot.width !== element.clientWidth) again();
    });
    resizing.observe(element);
    DARK.addEventListener('change', again);
    return () => {
      resizing.disconnect();
      DARK.removeEventListener('change', again);
      plot.destroy();
    };
  }, [drawn]);
  const [first] = props.timesMs;
  const last = props.timesMs.at(-1);
  return (
    <figure class="chart">
      <div ref={frame} class="plot" role="img" aria-label={props.label} />
      <figcaption>
        <ul class="legend">
          {props.series.toReversed().map(({ name, colour }) => (
            <li key={name}>
              <span class={`swatch swatch${colour.slice(1)}`} />
              {name}
            </li>
          ))}
        </ul>
        {first !== undefined && last !== undefined && (
          <span class="quiet">
            {formatMinute(first)} to {formatMinute(last + props.bucketMs)}, your time
          </span>
        )}
      </figcaption>
    </figure>
  );
}
