/** What logs of real calls cost, what was missed and why, and what other policies would have cost. */
export { Audit } from './audit.ts';
export { buildReport, type FileFacts } from './build-report.ts';
export type {
  AuditChange,
  AuditPart,
  AuditPolicy,
  AuditReport,
  FileNote,
  HourWrites,
  Money,
  PartName,
  Ratio,
} from './report-data.ts';
export { renderAuditHtml } from './html.ts';
export { auditLogs, type AuditOptions, type AuditResult } from './run-audit.ts';
