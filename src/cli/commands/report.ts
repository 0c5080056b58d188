import { Option, type Command } from 'commander';

import { buildReport, REPORT_SPLITS, type ReportSplit } from '../../ledger/index.ts';
import { printJson, printLine } from '../io.ts';
import {
  addLedgerSourceOptions,
  ledgerFilter,
  readLedger,
  type LedgerSourceFlags,
} from '../ledger-source.ts';
import { showReport } from './report-screen.ts';

interface ReportFlags extends LedgerSourceFlags {
  readonly by: ReportSplit;
  readonly json?: boolean;
}

async function report(flags: ReportFlags): Promise<void> {
  const built = await readLedger(flags, (ledger) => buildReport(ledger, ledgerFilter(flags), flags.by));
  if (flags.json) printJson(built);
  else printLine(showReport(built));
}

/** `report`: what a gateway's ledger comes to. */
export function addReportCommand(program: Command): void {
  const command = program
    .command('report')
    .description('what was paid, saved and missed, from the ledger of a gateway; also while it runs')
    .addOption(new Option('--by <what>', 'how it is split').choices([...REPORT_SPLITS]).default('model'))
    .option('--json', 'print one JSON document');
  addLedgerSourceOptions(command);
  command.action(report);
}
