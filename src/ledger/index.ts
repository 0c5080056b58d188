/** What requests cost, what caching saved, and what was missed. */
export {
  createMemoryLedger,
  RECORDS_MAX,
  summarise,
  type Ledger,
  type LedgerHealth,
  type MemoryLedger,
  type RecordFilter,
  type Summary,
} from './memory-ledger.ts';
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
