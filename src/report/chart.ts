import type { EChartsCoreOption, init } from 'echarts/core';

import { escapeText } from './escape.ts';
import { loadOptional } from './optional-package.ts';
import { FONT_FAMILY, THEME } from './theme.ts';

/** `wide` for screens and paper, `narrow` for a phone: drawn for that width, so that labels stay legible. */
export type ChartLayout = 'wide' | 'narrow';

/** A chart as data. Only `drawChart` needs the drawing package. */
export interface Chart {
  /** Unique on a page: letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  /** What it shows and says, for those who do not see it. */
  readonly description: string;
  readonly heightPx: Readonly<Record<ChartLayout, number>>;
  readonly optionFor: (layout: ChartLayout) => EChartsCoreOption;
}

const CHART_WIDTHS_PX: Readonly<Record<ChartLayout, number>> = { wide: 960, narrow: 358 };

/** Size of the text in a chart, in its own pixels. */
export const CHART_TEXT_PX: Readonly<Record<ChartLayout, number>> = { wide: 14, narrow: 12 };

interface Engine {
  readonly init: typeof init;
}

async function loadEngine(): Promise<Engine> {
  const load = async (): Promise<Engine> => {
    const [core, charts, components, renderers] = await Promise.all([
      import('echarts/core'),
      import('echarts/charts'),
      import('echarts/components'),
      import('echarts/renderers'),
    ]);
    core.use([
      charts.BarChart,
      charts.CustomChart,
      charts.LineChart,
      components.GridComponent,
      components.LegendComponent,
      components.MarkLineComponent,
      renderers.SVGRenderer,
    ]);
    return core;
  };
  return loadOptional('Drawing charts', 'echarts', load);
}

/** Leaves what is seen: no transparent shapes, no style sheet, no classes for a pointer, no notes for a script, text sizes as attributes. */
function keepOnlyDrawing(svg: string): string {
  return (
    svg
      .replace(/<style[\s\S]*?<\/style>/g, '')
      .replace(/<path [^>]*fill-opacity="0"[^>]*><\/path>/g, '')
      // The engine's default where nothing is filled: in legends and clip paths.
      .replaceAll(' fill="#000"', ' fill="none"')
      .replace(/ (?:ecmeta_\w+|class|pointer-events|xml:space|baseProfile|version|xmlns:xlink)="[^"]*"/g, '')
      .replace(/ style="font-size:([\d.]+)px;font-family:([^;"]*);?"/g, ' font-size="$1" font-family="$2"')
      .replace(/\s*\n\s*/g, '\n')
      .trim()
  );
}

/** Two charts of one page must not share ids, and equal charts must be equal bytes: the engine counts its own. */
function renameIds(svg: string, prefix: string): string {
  return svg.replace(/(id="|url\(#)zr\d+-/g, `$1${prefix}-`);
}

function addLabels(svg: string, chart: Chart, prefix: string): string {
  const opening = /^<svg [^>]*>/.exec(svg)?.[0] ?? '';
  const labelled = `${opening.slice(0, -1)} role="img" aria-labelledby="${prefix}-title ${prefix}-desc">`;
  const title = `<title id="${prefix}-title">${escapeText(chart.title)}</title>`;
  const description = `<desc id="${prefix}-desc">${escapeText(chart.description)}</desc>`;
  return `${labelled}\n${title}\n${description}\n${svg.slice(opening.length).trimStart()}`;
}

/**
 * Draws a chart as SVG: light colours as attributes, no script, no style sheet, nothing loaded, the same bytes for the
 * same data.
 *
 * @throws MissingPackageError without `echarts`.
 */
export async function drawChart(chart: Chart, layout: ChartLayout): Promise<string> {
  const engine = await loadEngine();
  const width = CHART_WIDTHS_PX[layout];
  const height = chart.heightPx[layout];
  const drawing = engine.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    drawing.setOption({
      animation: false,
      backgroundColor: THEME.ground.light,
      textStyle: { fontFamily: FONT_FAMILY, fontSize: CHART_TEXT_PX[layout], color: THEME.ink.light },
      ...chart.optionFor(layout),
    });
    const prefix = `${chart.id}-${layout}`;
    const svg = keepOnlyDrawing(drawing.renderToSVGString({ useViewBox: true }));
    return addLabels(renameIds(svg, prefix), chart, prefix);
  } finally {
    // Its timers would keep the process alive.
    drawing.dispose();
  }
}

/** One picture of several drawings, under each other, with a heading: what `--svg` and `--png` write. */
export function stackDrawings(
  heading: { readonly title: string; readonly subtitle: string },
  drawings: readonly { readonly chart: Chart; readonly svg: string }[],
): string {
  const width = CHART_WIDTHS_PX.wide;
  const margin = 24;
  const captionPx = 34;
  let top = 88;
  const parts = drawings.map(({ chart, svg }) => {
    const caption = textLine(chart.title, { x: margin, y: top + 20, size: 17, colour: THEME.ink.light });
    const at = top + captionPx;
    top = at + chart.heightPx.wide + 20;
    const size = `width="${width}" height="${chart.heightPx.wide}"`;
    return `${caption}\n${svg.replace(/^<svg ([^>]*)>/, (_, attributes: string) => `<svg x="${margin}" y="${at}" ${size} ${dropSize(attributes)}>`)}`;
  });
  const box = `${width + 2 * margin} ${top}`;
  const [boxWidth, boxHeight] = box.split(' ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${boxWidth}" height="${boxHeight}" viewBox="0 0 ${box}">`,
    `<rect width="100%" height="100%" fill="${THEME.ground.light}"/>`,
    textLine(heading.title, { x: margin, y: 40, size: 24, colour: THEME.ink.light }),
    textLine(heading.subtitle, { x: margin, y: 66, size: 14, colour: THEME.quiet.light }),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function dropSize(attributes: string): string {
  return attributes.replace(/(?:^| )(?:width|height)="[^"]*"/g, '').trim();
}

function textLine(text: string, at: { x: number; y: number; size: number; colour: string }): string {
  return `<text x="${at.x}" y="${at.y}" font-size="${at.size}" font-family="${FONT_FAMILY}" fill="${at.colour}">${escapeText(text)}</text>`;
}
