/** What requests cost, what caching saved, and what was missed. */
import type { Ledger, OpenLedger } from './ledger.ts';
import type { PostgresLedgerOptions } from './postgres/postgres-ledger.ts';
import type { SqliteLedgerOptions } from './sqlite/sqlite-ledger.ts';

export {
  BUCKET_MS,
  LedgerError,
  type Ledger,
  type LedgerErrorCode,
  type LedgerHealth,
  type LedgerReader,
  type ListFilter,
  type MissSum,
  type OpenLedger,
  type RecordFilter,
  type RequestCounts,
  type Summary,
  type TimelineRow,
} from './ledger.ts';
export { alikeRecord, type AlikeRecords, type HitFacts } from './alike.ts';
export { createMemoryLedger, RECORDS_MAX, type MemoryLedger } from './memory-ledger.ts';
export { summarise } from './totals.ts';
export { REUSE_BOUNDS_MS, reuseOf, type RecordReuse, type Reuse, type ReuseBin } from './reuse.ts';
export {
  BODIES_FILE,
  checkBodyPatterns,
  defaultBodyLimits,
  openBodies,
  type Bodies,
  type BodiesHealth,
  type BodyChoice,
  type BodyLimits,
  type BodyOptions,
  type BodyWatch,
  type KeptBodies,
  type KeptBody,
} from './bodies/index.ts';
export {
  alerts,
  defaultRules,
  watchIntegrity,
  type Alert,
  type AlertOptions,
  type AlertRule,
  type AlertSignal,
  type Alerts,
  type BudgetLimits,
} from './alerts/index.ts';
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
export {
  buildReport,
  EXPORT_FORMATS,
  exportRows,
  formatExactUsd,
  REPORT_SPLITS,
  showRecord,
  showReuse,
  showTimelineRow,
  type ExportFormat,
  type ExportSource,
  type LedgerReport,
  type ReportMoney,
  type ReportRatio,
  type ReportSavings,
  type ReportSplit,
  type ReportSums,
  type ShownRecord,
  type ShownReuse,
  type ShownTimelineRow,
} from './out/index.ts';
export * from './misses/index.ts';
export { MISS_REASONS, nothingKnown } from './record.ts';
export type { OwnCost } from './own-cost.ts';
export type {
  GateRecord,
  Miss,
  MissEvidence,
  MissReason,
  PlanSummary,
  Prediction,
  PromptShape,
  RecordedDiagnostics,
  RecordedIteration,
  RecordedServerTools,
  RecordedUsage,
  RequestRecord,
  ResponseTierRecord,
  Savings,
} from './record.ts';
export type { PostgresLedgerOptions } from './postgres/postgres-ledger.ts';
export type { SqliteLedgerOptions } from './sqlite/sqlite-ledger.ts';

/** Name of the ledger in a data folder. */
const LEDGER_FILE = 'ledger.db';

/** Name of the file in which records wait for a server. */
const SPOOL_FILE = 'ledger-spool.jsonl';

/**
 * Opens the ledger of a data folder for writing; the database is loaded by this call, not by importing. A file that is
 * damaged is moved aside and told; one that cannot be written is tried again, while records wait, up to a bound.
 *
 * @example const ledger = await openSqliteLedger('/var/lib/cachewright', { tell: console.warn });
 * @throws LedgerError `LEDGER_FOREIGN` when the file is of another program, or of a newer version.
 */
export async function openSqliteLedger(
  dataDir: string,
  options: Omit<SqliteLedgerOptions, 'file'> = {},
): Promise<Ledger> {
  const [{ SqliteLedger }, { systemClock, systemTimers }, path] = await Promise.all([
    import('./sqlite/sqlite-ledger.ts'),
    import('../runtime/index.ts'),
    import('node:path'),
  ]);
  const ports = { clock: systemClock, timers: systemTimers };
  return SqliteLedger.open({ ...options, file: path.join(dataDir, LEDGER_FILE) }, ports);
}

/**
 * Opens the ledger of a data folder for reading, whether or not a gateway writes it.
 *
 * @throws LedgerError `LEDGER_MISSING`, `LEDGER_UNUSABLE` or `LEDGER_FOREIGN`, with a sentence for people.
 */
export async function openLedgerFile(dataDir: string): Promise<OpenLedger> {
  const [{ LedgerFile }, path] = await Promise.all([import('./sqlite/ledger-file.ts'), import('node:path')]);
  return new LedgerFile(path.join(dataDir, LEDGER_FILE));
}

/**
 * Opens a ledger in Postgres, for any number of gateways; the client is loaded by this call. While the server is away
 * records wait in a file of the data folder, which one gateway at a time may have.
 *
 * @throws RangeError for a URL that is none; LedgerError `LEDGER_FOREIGN` when the database is of a newer version,
 *   `LEDGER_UNUSABLE` when the package pg is not installed.
 */
export async function openPostgresLedger(
  dataDir: string,
  options: Omit<PostgresLedgerOptions, 'spoolFile'>,
): Promise<Ledger> {
  const [{ PostgresLedger }, { systemClock, systemTimers }, path] = await Promise.all([
    import('./postgres/postgres-ledger.ts'),
    import('../runtime/index.ts'),
    import('node:path'),
  ]);
  const ports = { clock: systemClock, timers: systemTimers };
  return PostgresLedger.open({ ...options, spoolFile: path.join(dataDir, SPOOL_FILE) }, ports);
}

/**
 * Opens a ledger in Postgres for reading.
 *
 * @throws RangeError for a URL that is none; LedgerError `LEDGER_MISSING` or `LEDGER_UNUSABLE`, with a sentence for people
 *   that never shows the password.
 */
export async function openPostgresReader(url: string): Promise<OpenLedger> {
  const { PostgresReader } = await import('./postgres/postgres-reader.ts');
  return PostgresReader.open({ url });
}

/**
 * Asks a Postgres server whether it is there, lets us in, and has or takes a ledger that we know: null when all is well,
 * else a sentence that says what is wrong.
 *
 * @throws RangeError for a URL that is none; LedgerError `LEDGER_UNUSABLE` when the package pg is not installed.
 */
export async function reachPostgres(url: string): Promise<string | null> {
  const { PostgresReader } = await import('./postgres/postgres-reader.ts');
  return PostgresReader.reach({ url });
}
