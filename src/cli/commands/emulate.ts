import { InvalidArgumentError, Option, type Command } from 'commander';

import { defaultOpenQuestions, type OpenQuestions } from '../../core/index.ts';
import { startEmulator } from '../../emulator/index.ts';
import { printLine, untilStopped } from '../io.ts';
import { listeningLine, listenOptions, parseAmount, parseFactor, parseWhole } from '../options.ts';

interface EmulateFlags {
  readonly port: number;
  readonly host: string;
  readonly json?: boolean;
  readonly clock: 'real' | 'manual';
  readonly tokenizer: 'estimate' | 'words';
  readonly ttftMs: number;
  readonly slackMs: number;
  readonly ttlScale: number;
  readonly seed: number;
  readonly binding: 'off' | 'strict';
  readonly open: Partial<OpenQuestions>;
}

/** A switch's value as text: true, false, null, a number, or a word. */
function parsePosition(text: string): unknown {
  return /^(true|false|null|\d+)$/.test(text) ? JSON.parse(text) : text;
}

/** `readRefreshes=hit,earlyEvictionMs=60000`: positions of switches that no source settles. */
function parseOpen(text: string): Partial<OpenQuestions> {
  const pairs = text.split(',').map((pair) => {
    const [name = '', value] = pair.split('=').map((part) => part.trim());
    if (!(name in defaultOpenQuestions) || value === undefined) {
      throw new InvalidArgumentError(`switches are ${Object.keys(defaultOpenQuestions).join(', ')}.`);
    }
    return [name, parsePosition(value)];
  });
  return Object.fromEntries(pairs) as Partial<OpenQuestions>;
}

async function emulate(flags: EmulateFlags): Promise<void> {
  const { json = false, ...options } = flags;
  const emulator = await startEmulator(options);
  printLine(listeningLine('emulator', emulator.url, json));
  await untilStopped();
  await emulator.close();
}

/** `emulate`: a local Messages API that caches and bills as Claude's does. */
export function addEmulateCommand(program: Command): void {
  const command = program
    .command('emulate')
    .description('a local Messages API that caches and bills as Claude does; any API key')
    .addOption(
      new Option('--clock <kind>', 'real time, or a clock that stands until it is moved')
        .choices(['real', 'manual'])
        .default('real'),
    )
    .addOption(
      new Option('--tokenizer <kind>', 'estimated tokens, or words that can be counted by hand')
        .choices(['estimate', 'words'])
        .default('estimate'),
    )
    .addOption(new Option('--ttft-ms <ms>', 'time until a response begins').default(0).argParser(parseAmount))
    .addOption(
      new Option('--slack-ms <ms>', 'how long an entry outlives its TTL').default(0).argParser(parseAmount),
    )
    .addOption(new Option('--ttl-scale <factor>', 'divides every TTL').default(1).argParser(parseFactor))
    .addOption(new Option('--seed <number>', 'seed of ids').default(1).argParser(parseWhole))
    .addOption(
      new Option('--binding <kind>', 'whether thinking blocks are bound to model and conversation')
        .choices(['off', 'strict'])
        .default('off'),
    )
    .addOption(
      new Option('--open <switches>', 'positions of switches, as name=value,name=value')
        .default({})
        .argParser(parseOpen)
        .hideHelp(),
    )
    .action(emulate);
  for (const option of listenOptions(8790, 'CACHEWRIGHT_EMULATOR_')) command.addOption(option);
}
