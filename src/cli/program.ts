import { Command, CommanderError } from 'commander';

import { ListenError } from '../runtime/index.ts';
import { CommandError, UsageError } from './errors.ts';
import { packageVersion } from './version.ts';

/** Adds one command to the program. */
type AddCommand = (program: Command) => void;

/** Commands in the order of the help, each with what loads it: a command has only its own parts in memory. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./commands/serve.ts')).addServeCommand,
  purge: async () => (await import('./commands/purge.ts')).addPurgeCommand,
  emulate: async () => (await import('./commands/emulate.ts')).addEmulateCommand,
  report: async () => (await import('./commands/report.ts')).addReportCommand,
  export: async () => (await import('./commands/export.ts')).addExportCommand,
  audit: async () => (await import('./commands/audit.ts')).addAuditCommand,
  optimize: async () => (await import('./commands/optimize.ts')).addOptimizeCommand,
  demo: async () => (await import('./commands/demo.ts')).addDemoCommand,
  plan: async () => (await import('./commands/plan.ts')).addPlanCommand,
  probe: async () => (await import('./commands/probe.ts')).addProbeCommand,
  explain: async () => (await import('./commands/explain.ts')).addExplainCommand,
  fidelity: async () => (await import('./commands/fidelity.ts')).addFidelityCommand,
  replay: async () => (await import('./commands/replay.ts')).addReplayCommand,
  warm: async () => (await import('./commands/warm.ts')).addWarmCommand,
};

/** The program with the command that is asked for first; with all of them where that is none of ours. */
async function buildProgram([, , asked = '']: readonly string[]): Promise<Command> {
  const program = new Command('cachewright')
    .description("Makes Claude's prompt cache pay: gateway, emulator and tools on one model of the cache.")
    .version(packageVersion())
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  const load = Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  const loads = load ? [load] : Object.values(COMMANDS);
  for (const addCommand of await Promise.all(loads.map((loadOne) => loadOne()))) addCommand(program);
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
    const program = await buildProgram(argv);
    await program.parseAsync(argv);
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
