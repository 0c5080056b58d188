/** Pre-warm: fills the cache before users come, verified by the bill and within a budget. */
export {
  createBudget,
  DAY_MS,
  HOUR_MS,
  readBudgetSnapshot,
  type Budget,
  type BudgetReading,
  type BudgetSnapshot,
  type Reservation,
  type SpendingLimit,
} from './budget.ts';
export type { Fallback } from './choose-form.ts';
export { httpSender, type HttpSenderOptions } from './http-sender.ts';
export {
  createWarmLedger,
  type WarmLedger,
  type WarmPurpose,
  type WarmRecord,
  type WarmTotals,
} from './ledger.ts';
export type { SendWarm, WarmerOptions, WarmRequest } from './options.ts';
export type { PromptPreview, WarmPreview } from './preview.ts';
export type { WarmPrompt, WarmRefusal } from './prompt.ts';
export { WARM_STATUSES, type WarmReport, type WarmResult, type WarmStatus } from './report.ts';
export type { RetryOptions } from './waiting.ts';
export type { WarmEntry } from './warm-state.ts';
export { warmer, type Warmer, type WarmProgress, type WarmRunOptions } from './warmer.ts';
export {
  Gate,
  type GateEnd,
  type GateLead,
  type GatePlace,
  type GateTotals,
  type GateWriting,
  type GateWait,
} from './gate.ts';
export { defaultGateOptions, type GateLeases, type GateOptions } from './gate-options.ts';
export { FirstTokenTimes, type FirstTokenClass } from './gate-times.ts';
export { takeTurn, type GateTurn, type TurnOptions } from './gate-turn.ts';
export { GateWriters, savedByWaiting, type GateChain, type SharedPrefix } from './gate-writers.ts';
export { alwaysOpen, openCalendar, type Calendar, type CalendarWindow } from './keep-alive/calendar.ts';
export { decideKeepAlive } from './keep-alive/decide.ts';
export type { HeldRequest } from './keep-alive/holdings.ts';
export {
  KEEP_ALIVE_STATES,
  type DecideKeeping,
  type DueOutcome,
  type EntryStanding,
  type KeepAliveState,
  type KeepHandler,
  type KeepSchedule,
  type KeptPrefix,
  type KeptVisit,
  type OutstandingPing,
} from './keep-alive/kept-entry.ts';
export { defaultKeeperLimits, keepAlive } from './keep-alive/keep-alive.ts';
export { Keeper } from './keep-alive/keeper.ts';
export { createLocalSchedule, type LocalScheduleOptions } from './keep-alive/local-schedule.ts';
export type { KeeperCounts, KeeperOptions } from './keep-alive/options.ts';
export type { PingAnswer, PingRequest, SendPing } from './keep-alive/ping.ts';
export type {
  JudgedPing,
  PingOutcome,
  PingRecord,
  PingTotals,
  PingVerdict,
} from './keep-alive/ping-ledger.ts';
export { createLocalSpending, spendingLimits, type HeldMoney, type Spending } from './keep-alive/spending.ts';
export { FleetSchedule, type FleetScheduleOptions } from './keep-alive/fleet-schedule.ts';
export { createFleetSpending, type FleetSpending } from './keep-alive/fleet-spending.ts';
