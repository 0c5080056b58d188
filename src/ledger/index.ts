/** What requests cost, what caching saved, and what was missed. */
export {
  createMemoryLedger,
  RECORDS_MAX,
  summarise,
  type Ledger,
  type RecordFilter,
  type Summary,
} from './memory-ledger.ts';
export type { OwnCost } from './own-cost.ts';
export type {
  GateRecord,
  Miss,
  MissReason,
  PlanSummary,
  Prediction,
  RequestRecord,
  Savings,
} from './record.ts';
