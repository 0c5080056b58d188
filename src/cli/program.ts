import { Command, CommanderError } from 'commander';

import { ListenError } from '../runtime/index.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addEmulateCommand } from './commands/emulate.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addFidelityCommand } from './commands/fidelity.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addProbeCommand } from './commands/probe.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addServeCommand } from './commands/serve.ts';
import { CommandError, UsageError } from './errors.ts';
import { packageVersion } from './version.ts';

function buildProgram(): Command {
  const program = new Command('cachewright')
    .description("Makes Claude's prompt cache pay: gateway, emulator and tools on one model of the cache.")
    .version(packageVersion())
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  addServeCommand(program);
  addEmulateCommand(program);
  addAuditCommand(program);
  addDemoCommand(program);
  addPlanCommand(program);
  addProbeCommand(program);
  addExplainCommand(program);
  addFidelityCommand(program);
  addReplayCommand(program);
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError('(--help shows what is possible)');
  return program;
}

/** Help and version end commander by an error too; those are fine. */
function exitCodeOf(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : 2;
}

/** Runs the command line; gives the exit code: 0 fine, 1 a check or the work failed, 2 wrong usage. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    const isUsage = error instanceof UsageError;
    const isKnown = isUsage || error instanceof CommandError || error instanceof ListenError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`cachewright: ${isKnown ? message : `unexpected failure: ${message}`}\n`);
    return isUsage ? 2 : 1;
  }
}
