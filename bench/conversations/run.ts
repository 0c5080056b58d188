/**
 * What the input of a long chat costs in the emulator, by ways of keeping its history: the same questions, the same answers
 * and pauses below five minutes for everybody. Once with generated texts, once with those of tau-bench's airline desk, one
 * conversation after the other, and once with each of its conversations by itself, calls of tools and what they brought
 * included.
 *
 *     node bench/conversations/run.ts [FOLDER] [--turns 300]
 *
 * FOLDER holds `taubench_gpt-4o-airline.json.gz`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { priceAt, resolveModel } from '../../src/core/index.ts';
import {
  makeChat,
  runChat,
  TALKERS,
  type Marks,
  type Outcome,
  type Script,
  type Talker,
} from '../../test/conversation/rivals.ts';
import { readEachChat, readOneChat } from './tau-bench.ts';

const MODELS = ['claude-sonnet-5-5', 'claude-opus-4-6'];
const TAU_FILE = 'taubench_gpt-4o-airline.json.gz';
/** With short turns everybody's limit is lower, so that it is reached at all. */
const TAU_TOKENS = 12_000;

/**
 * A limit that the longer of the conversations reach by themselves, and one that none does. One result of a tool has 3,900
 * tokens, and the prompt 3,100: much lower, and not all of them fit.
 */
const EACH_TOKENS = [8_000, 20_000];

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
  say(`\n${title}, ${script.model}, ${script.steps.length} turns, limit ${script.highTokens} tokens`);
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

type Outcomes = readonly Outcome[];

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const inputUsd = (outcomes: Outcomes): number => sum(outcomes.map((each) => each.inputUsd));

/** What the same requests cost others, from the first that was cut on. */
function sinceCut(own: Outcomes, other: Outcomes): string {
  const costs = (outcomes: Outcomes): number =>
    sum(outcomes.map((each, index) => sum(each.costs.slice(own[index]?.firstCut ?? Infinity))));
  return own.some(({ cuts }) => cuts > 0) ? (costs(own) / costs(other)).toFixed(2).padStart(6) : '     -';
}

/** What everybody pays at least: whatever is new in a conversation has to be read by the model once. */
function leastUsd(model: string, unbounded: Outcomes): number {
  const { inputPicoUsd } = priceAt(resolveModel(model).facts, Date.now());
  return (sum(unbounded.map(({ largestTokens }) => largestTokens)) * inputPicoUsd) / 1e12;
}

const EACH_TALKERS = TALKERS.filter((talker) => talker !== 'unbounded');

async function runEach(model: string, scripts: readonly Script[]): Promise<void> {
  const requests = sum(scripts.map(({ steps }) => steps.length));
  const limit = scripts[0]?.highTokens ?? 0;
  say(
    `\ntau-bench, ${scripts.length} conversations by themselves, ${model}, ${requests} requests, limit ${limit}`,
  );
  say(
    `${''.padEnd(24)} ${'input'.padStart(8)} ${'hit'.padStart(5)} cuts chats  of: ten turns, as written, dropping, everything; since the cut`,
  );
  const rivals = new Map<Talker, Outcomes>();
  for (const talker of ['unbounded', ...EACH_TALKERS] as const) {
    const outcomes: Outcome[] = [];
    for (const script of scripts) outcomes.push(await runChat(script, talker));
    rivals.set(talker, outcomes);
    const usd = inputUsd(outcomes);
    const hit = sum(outcomes.map((each) => each.readTokens)) / sum(outcomes.map((each) => each.inputTokens));
    const ratios = (['article', 'article as written', 'drop each turn', 'unbounded'] as const).map(
      (rival) => {
        const other = rivals.get(rival);
        return (other ? (usd / inputUsd(other)).toFixed(2) : '-').padStart(6);
      },
    );
    const cuts = sum(outcomes.map((each) => each.cuts));
    const cutChats = outcomes.filter((each) => each.cuts > 0).length;
    const since = sinceCut(outcomes, rivals.get('unbounded') ?? []);
    say(
      `${talker.padEnd(24)} ${`$${usd.toFixed(2)}`.padStart(8)} ${hit.toFixed(2).padStart(5)} ${String(cuts).padStart(4)} ${String(cutChats).padStart(5)} ${ratios.join(' ')} ${since}`,
    );
  }
  const unbounded = rivals.get('unbounded') ?? [];
  const reaching = unbounded.filter(({ largestTokens }) => largestTokens > limit).length;
  say(
    `whatever is new, once: $${leastUsd(model, unbounded).toFixed(2)}; ${reaching} conversations are longer than the limit`,
  );
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
  await runTable('tau-bench', readOneChat(file, turns, model, TAU_TOKENS), lines);
}
for (const model of existsSync(file) ? MODELS : [])
  for (const highTokens of EACH_TOKENS) await runEach(model, readEachChat(file, model, highTokens));
if (!existsSync(file)) say(`\n${file} is not there: tau-bench was left out`);
