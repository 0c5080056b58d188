import { drawChart, stackDrawings, type Chart, type ChartLayout } from './chart.ts';
import { MissingPackageError } from './optional-package.ts';

/** A chart as a page has it: in both widths, or the sentence that says why not. */
export type DrawnChart =
  | { readonly drawings: Readonly<Record<ChartLayout, string>>; readonly whyNot: null }
  | { readonly drawings: null; readonly whyNot: string };

/** Draws a chart for a page. Without the drawing package the page still has the numbers, and says what is missing. */
export async function drawForPage(chart: Chart): Promise<DrawnChart> {
  try {
    const [wide, narrow] = await Promise.all([drawChart(chart, 'wide'), drawChart(chart, 'narrow')]);
    return { drawings: { wide, narrow }, whyNot: null };
  } catch (error) {
    if (!(error instanceof MissingPackageError)) throw error;
    return { drawings: null, whyNot: error.message };
  }
}

/**
 * Charts under each other as one SVG file with a heading: what `--svg` writes, and `--png` through `renderPng`.
 *
 * @throws MissingPackageError without `echarts`.
 */
export async function renderPicture(
  heading: { readonly title: string; readonly subtitle: string },
  charts: readonly Chart[],
): Promise<string> {
  const drawings = await Promise.all(
    charts.map(async (chart) => ({ chart, svg: await drawChart(chart, 'wide') })),
  );
  return stackDrawings(heading, drawings);
}
