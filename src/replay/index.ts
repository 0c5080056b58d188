/** Traces of requests through caching policies in virtual time: what it would have cost. */
export type { ReplayPolicy, PolicyContext, PolicyRun } from './policy.ts';
export { POLICIES, defaultPolicyNames } from './policies/index.ts';
export type { PriceChoice } from './prices.ts';
export { renderReplayHtml, renderReplayPicture, type ReplayReportData } from './report.ts';
export type { FamilyResult, LowerBoundResult, PolicyResult } from './results.ts';
export type { ReuseBin, ReuseHistogram } from './reuse.ts';
export { replay, type CostOverTime, type ReplayOptions, type ReplayResult } from './run.ts';
export {
  generateNamed,
  generateWorkload,
  isWorkloadName,
  WorkloadError,
  WORKLOADS,
} from './synthetic/index.ts';
export { readTrace, TraceError, type ReadTraceOptions, type Trace } from './trace/index.ts';
