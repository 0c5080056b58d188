/**
 * What the input of a long chat costs in the emulator, by ways of keeping its history: the same questions, the same answers
 * and pauses below five minutes for everybody. Once with generated texts, and once with those of tau-bench's airline desk,
 * one conversation after the other.
 *
 *     node bench/conversations/run.ts [FOLDER] [--turns 300]
 *
 * FOLDER holds `taubench_gpt-4o-airline.json.gz`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  makeChat,
  runChat,
  TALKERS,
  type Marks,
  type Outcome,
  type Script,
  type Talker,
} from '../../test/conversation/rivals.ts';
import { readTauBench } from './tau-bench.ts';

const MODELS = ['claude-sonnet-5-5', 'claude-opus-4-6'];
const TAU_FILE = 'taubench_gpt-4o-airline.json.gz';
/** With short turns everybody's limit is lower, so that it is reached at all. */
const TAU_TOKENS = 12_000;

/** One line of a table. */
interface Line {
  readonly name: string;
  readonly talker: Talker;
  readonly marks?: Marks;
}

const PLAIN: readonly Line[] = TALKERS.map((talker) => ({ name: talker, talker }));

/** For a model whose shortest cacheable prefix is longer than the prompt, so that each cut writes all that stays. */
const TRIED: readonly Line[] = [
  {
    name: 'drop-oldest, marks 7,600 and 4,400',
    talker: 'drop-oldest',
    marks: { highTokens: 7_600, lowTokens: 4_400 },
  },
  {
    name: 'summarise, marks 8,000 and 5,120',
    talker: 'summarise',
    marks: { highTokens: 8_000, lowTokens: 5_120 },
  },
  {
    name: 'drop-oldest, 7,000, 24 first turns kept',
    talker: 'drop-oldest',
    marks: { highTokens: 7_000, lowTokens: 4_800, keepFirstTurns: 24 },
  },
];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function cells(own: Outcome, rivals: Readonly<Partial<Record<Talker, Outcome>>>): string {
  const share = (talker: Talker): string => {
    const { inputUsd = null } = rivals[talker] ?? {};
    return (inputUsd === null ? '-' : (own.inputUsd / inputUsd).toFixed(2)).padStart(6);
  };
  const money = `$${own.inputUsd.toFixed(2)}`.padStart(8);
  const ratios = [share('article'), share('article as written'), share('drop each turn'), share('unbounded')];
  return `${money} ${own.hitRatio.toFixed(2).padStart(5)} ${String(own.cuts).padStart(4)} ${ratios.join(' ')}`;
}

async function runTable(title: string, script: Script, lines: readonly Line[]): Promise<void> {
  say(`\n${title}, ${script.model}, ${script.turns.length} turns, limit ${script.highTokens} tokens`);
  say(
    `${''.padEnd(42)} ${'input'.padStart(8)} ${'hit'.padStart(5)} cuts   of: ten turns, as written, dropping, everything`,
  );
  const rivals: Partial<Record<Talker, Outcome>> = {};
  for (const { name, talker, marks } of lines) {
    const outcome = await runChat(script, talker, marks);
    rivals[talker] ??= outcome;
    say(`${name.padEnd(42)} ${cells(outcome, rivals)}`);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { turns: { type: 'string', default: '300' } },
});
const turns = Number(values.turns);
const file = join(positionals[0] ?? '../shared/traces', TAU_FILE);
for (const model of MODELS) await runTable('generated texts', makeChat(turns, 1, model), PLAIN);
for (const model of existsSync(file) ? MODELS : []) {
  const lines = model === 'claude-opus-4-6' ? [...PLAIN, ...TRIED] : PLAIN;
  await runTable('tau-bench', readTauBench(file, turns, model, TAU_TOKENS), lines);
}
if (!existsSync(file)) say(`\n${file} is not there: tau-bench was left out`);
