/** What requests cost, what caching saved, and what was missed. */
export {
  BUCKET_MS,
  LedgerError,
  type Ledger,
  type LedgerErrorCode,
  type LedgerHealth,
  type LedgerReader,
  type MissSum,
  type OpenLedger,
  type RecordFilter,
  type Summary,
  type TimelineRow,
} from './ledger.ts';
export { createMemoryLedger, RECORDS_MAX, type MemoryLedger } from './memory-ledger.ts';
export { summarise } from './totals.ts';
export {
  integrity,
  type Integrity,
  type IntegrityCause,
  type IntegrityCode,
  type IntegrityCount,
  type IntegrityFinding,
  type IntegrityOptions,
  type IntegrityTolerance,
  type IntegrityTotals,
} from './integrity/index.ts';
export {
  createWebhook,
  sign,
  SIGNATURE_HEADER,
  type Webhook,
  type WebhookOptions,
  type WebhookTotals,
} from './webhook/index.ts';
export { nothingKnown } from './record.ts';
export type { OwnCost } from './own-cost.ts';
export type {
  GateRecord,
  Miss,
  MissEvidence,
  MissReason,
  PlanSummary,
  Prediction,
  RecordedIteration,
  RecordedServerTools,
  RecordedUsage,
  RequestRecord,
  ResponseTierRecord,
  Savings,
} from './record.ts';
