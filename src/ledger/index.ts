/** What requests cost, what caching saved, and what was missed. */
export {
  createMemoryLedger,
  RECORDS_MAX,
  summarise,
  type Ledger,
  type RecordFilter,
  type Summary,
} from './memory-ledger.ts';
export type { Miss, MissReason, PlanSummary, Prediction, RequestRecord, Savings } from './record.ts';
