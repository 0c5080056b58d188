export { formatExactUsd } from './exact-usd.ts';
export { EXPORT_FORMATS, exportRows, type ExportFormat, type ExportSource } from './export-rows.ts';
export {
  buildReport,
  REPORT_SPLITS,
  type LedgerReport,
  type ReportMoney,
  type ReportRatio,
  type ReportSavings,
  type ReportSplit,
  type ReportSums,
} from './report.ts';
export { showRecord, type ShownRecord } from './show-record.ts';
export { showReuse, type ShownReuse } from './show-reuse.ts';
export { showTimelineRow, type ShownTimelineRow } from './show-timeline.ts';
