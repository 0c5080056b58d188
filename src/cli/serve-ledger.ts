import { InvalidArgumentError, Option, type Command } from 'commander';

import {
  createMemoryLedger,
  LedgerError,
  openPostgresLedger,
  openSqliteLedger,
  reachPostgres,
  type Bodies,
  type Ledger,
} from '../ledger/index.ts';
import { CommandError, UsageError } from './errors.ts';
import { addBodyOptions, checkBodies, openServeBodies, type BodyFlags } from './serve-bodies.ts';

/** Where records can be kept: nowhere, as long as the process lives, in the data folder. */
const PLACES = ['off', 'memory', 'file'] as const;
type LedgerPlace = (typeof PLACES)[number];

/** What says where records are kept, and how long. */
export interface LedgerFlags extends BodyFlags {
  readonly ledger: LedgerPlace;
  /** Days that records are kept. */
  readonly ledgerDays: number;
  readonly dataDir: string;
  /** May hold a password: it is never printed. */
  readonly postgres?: string;
}

function tell(sentence: string): void {
  process.stderr.write(`cachewright: ${sentence}\n`);
}

/** An error about the ledger as one of this program; the URL is not shown. */
function asProblem(error: unknown): unknown {
  if (error instanceof RangeError) return new UsageError(`--postgres: ${error.message}`);
  return error instanceof LedgerError ? new CommandError(error.message) : error;
}

/** `--check`: can records be kept in Postgres, where that is asked for, and bodies without what patterns name? */
export async function checkLedger(flags: LedgerFlags): Promise<void> {
  await checkBodies(flags);
  const { postgres } = flags;
  if (postgres === undefined) return;
  const failure = await reachPostgres(postgres).catch((error: unknown) => {
    throw asProblem(error);
  });
  if (failure !== null) throw new CommandError(failure);
}

async function openRecords(flags: LedgerFlags): Promise<Ledger> {
  const { ledger, ledgerDays: recordDays, dataDir, postgres } = flags;
  if (postgres !== undefined) return openPostgresLedger(dataDir, { url: postgres, recordDays, tell });
  if (ledger === 'off') return createMemoryLedger(0);
  return ledger === 'memory' ? createMemoryLedger() : openSqliteLedger(dataDir, { recordDays, tell });
}

/** The ledger as the flags want it, and what requests and answers say, where that is kept. */
export async function openServeLedger(
  flags: LedgerFlags,
): Promise<{ readonly ledger: Ledger; readonly bodies: Bodies | null; close(): Promise<void> }> {
  try {
    const bodies = await openServeBodies(flags, tell);
    const ledger = await openRecords(flags).catch(async (error: unknown) => {
      await bodies?.close();
      throw error;
    });
    return { ledger, bodies, close: async () => void (await Promise.all([ledger.close(), bodies?.close()])) };
  } catch (error) {
    throw asProblem(error);
  }
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days > 0) return days;
  throw new InvalidArgumentError('It must be a number of days.');
}

/** Adds the options that `LedgerFlags` come from. */
export function addLedgerOptions(command: Command): void {
  command
    .addOption(
      new Option('--ledger <where>', 'keep records of requests in the data folder, in memory, or not at all')
        .choices([...PLACES])
        .default('file')
        .env('CACHEWRIGHT_LEDGER'),
    )
    .addOption(
      new Option('--ledger-days <days>', 'how long records are kept; their sums are kept longer')
        .default(90)
        .env('CACHEWRIGHT_LEDGER_DAYS')
        .argParser(parseDays),
    )
    .addOption(
      new Option('--postgres <url>', 'keep records there, for all gateways on this server').env(
        'CACHEWRIGHT_POSTGRES',
      ),
    );
  addBodyOptions(command);
}
