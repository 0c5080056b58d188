/** Reports for people: a page as one HTML file, charts as SVG and PNG. */
export { barChart } from './bar-chart.ts';
export type { Chart } from './chart.ts';
export { drawForPage, renderPicture } from './drawn-chart.ts';
export {
  formatCount,
  formatDollars,
  formatPercent,
  formatRatio,
  formatTimes,
  NOT_AVAILABLE,
  pickTokenUnit,
} from './format.ts';
export { countGapZones, gapChart } from './gap-chart.ts';
export { MissingPackageError } from './optional-package.ts';
export { renderHtmlPage, type Page, type SummaryCard } from './page.ts';
export { renderPng } from './png.ts';
export { policyChart } from './policy-chart.ts';
export type { Section, TableData } from './section.ts';
export { timeChart, MOST_COST_LINES, type CostLine } from './time-chart.ts';
