import { InvalidArgumentError, Option, type Command } from 'commander';

import {
  LedgerError,
  openLedgerFile,
  openPostgresReader,
  type OpenLedger,
  type RecordFilter,
} from '../ledger/index.ts';
import { parseTimestamp } from '../runtime/index.ts';
import { defaultDataDir } from './data-dir.ts';
import { CommandError, UsageError } from './errors.ts';

/** Which ledger is read, and which part of it. */
export interface LedgerSourceFlags {
  readonly dataDir: string;
  /** Instead of the data folder; may hold a password: it is never printed. */
  readonly postgres?: string;
  /** ms since 1970 UTC. */
  readonly from?: number;
  readonly to?: number;
  readonly scope?: string;
  readonly model?: string;
  readonly tag?: string;
}

function parseMoment(text: string): number {
  const timeMs = parseTimestamp(text);
  if (timeMs !== null) return timeMs;
  throw new InvalidArgumentError(
    'a time is written as a day (2026-11-23), as RFC 3339 or in ms since 1970 UTC.',
  );
}

/** Adds the options that `LedgerSourceFlags` come from. */
export function addLedgerSourceOptions(command: Command): void {
  command
    .addOption(
      new Option('--data-dir <folder>', 'data folder of the gateway whose ledger is read')
        .default(defaultDataDir(process.env))
        .env('CACHEWRIGHT_DATA_DIR'),
    )
    .addOption(
      new Option('--postgres <url>', 'read the ledger that gateways keep there instead').env(
        'CACHEWRIGHT_POSTGRES',
      ),
    )
    .addOption(new Option('--from <time>', 'from this time on').argParser(parseMoment))
    .addOption(new Option('--to <time>', 'before this time').argParser(parseMoment))
    .option('--scope <pseudonym>', 'one scope, as records have it')
    .option('--model <id>', 'one model, as records have it')
    .option('--tag <tag>', 'requests with this tag');
}

/** The part of the ledger that is asked for. */
export function ledgerFilter({ from, to, scope, model, tag }: LedgerSourceFlags): RecordFilter {
  return { fromMs: from, toMs: to, scope, model, tag };
}

function explain(error: unknown): unknown {
  if (error instanceof RangeError) return new UsageError(`--postgres: ${error.message}`);
  return error instanceof LedgerError ? new CommandError(error.message) : error;
}

async function openSource({ dataDir, postgres }: LedgerSourceFlags): Promise<OpenLedger> {
  try {
    return await (postgres === undefined ? openLedgerFile(dataDir) : openPostgresReader(postgres));
  } catch (error) {
    throw explain(error);
  }
}

/** Opens the ledger for reading, lets it be read, and closes it; a gateway may be writing meanwhile. */
export async function readLedger<Result>(
  flags: LedgerSourceFlags,
  read: (ledger: OpenLedger) => Promise<Result>,
): Promise<Result> {
  const ledger = await openSource(flags);
  try {
    return await read(ledger);
  } catch (error) {
    throw error instanceof LedgerError ? new CommandError(error.message) : error;
  } finally {
    await ledger.close();
  }
}
