/**
 * What a plan costs: everything between a body's bytes and its breakpoints, beside `JSON.parse` of the same bytes, for
 * bodies never seen before and for the next turn of a known conversation; and what the planner holds for each node.
 * Times are CPU time of the whole process, so they include compiling and collecting garbage. Names of cases as arguments
 * (`'1 MB'`) measure only those.
 *
 *     node --expose-gc bench/planner/run.ts ['200 KB'] ['1 MB'] [state]
 */
import { cpus } from 'node:os';

import type { Block } from '../../src/core/index.ts';
import { analyse, type Analysis, type AnalysisContext } from '../../src/engine/analysis.ts';
import { createEstimateMemory } from '../../src/engine/estimates.ts';
import { engineOptions } from '../../src/engine/options.ts';
import { createPromptMemory } from '../../src/engine/prompt-memory.ts';
import { LearnedPlanner, placeBreakpoints, toPlannedRequest, type Plan } from '../../src/planner/index.ts';
import { createBodyReader, findSite } from '../../src/wire/index.ts';
import { makeTurns, type Turns } from './conversation.ts';
import { measureSnapshots, measureState } from './state-size.ts';

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly blocks: number;
  readonly rounds: number;
}

const CASES: readonly Case[] = [
  { name: '200 KB', bytes: 200_000, blocks: 300, rounds: 60 },
  { name: '1 MB', bytes: 1_000_000, blocks: 1500, rounds: 40 },
];
const SHAPES = [
  { order: 'last', spelling: 'compact', name: 'system and tools first, no markers' },
  { order: 'first', spelling: 'compact', name: "messages first, the client's markers" },
  { order: 'last', spelling: 'ascii', name: 'the first in ASCII alone, which is parsed faster' },
  { order: 'last', spelling: 'python', name: "the first as Python's json.dumps writes it" },
] as const;
const CONVERSATIONS = 8;
const WARM_UP_ROUNDS = 100;
const START_MS = 1_800_000_000_000;
const NEXT_TURN_MS = 20_000;
const STATE_CONVERSATIONS = 20_000;
const SNAPSHOT_CONVERSATIONS = 98_000;
const SNAPSHOT_ROUNDS = 15;

/** The kinds of work, each measured once a round; what it may cost at most, as a share of parsing the same bytes. */
const WORKS = [
  { work: 'parseBytes', name: 'JSON.parse, decoding included', limit: null },
  { work: 'parseText', name: 'JSON.parse of the decoded text', limit: null },
  { work: 'cold', name: 'scan, hash and plan, cold', limit: 2.5 },
  { work: 'known', name: 'scan, hash and plan, next turn', limit: 1.2 },
  { work: 'planCold', name: 'plan alone, cold', limit: 0.5 },
  { work: 'planKnown', name: 'plan alone, next turn', limit: 0.5 },
] as const;
type Round = Readonly<Record<(typeof WORKS)[number]['work'], number>>;

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** CPU microseconds of the process; the young generation is emptied first, so that nobody pays for another's garbage. */
function measure<Result>(work: () => Result): readonly [microseconds: number, result: Result] {
  globalThis.gc?.({ type: 'minor' });
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return [user + system, result];
}

/** What an engine starts with. */
function freshContext(): AnalysisContext {
  return {
    options: engineOptions({ planner: new LearnedPlanner() }),
    calibration: {},
    estimates: createEstimateMemory({ isSampled: true }),
    reader: createBodyReader(),
    memory: createPromptMemory(),
  };
}

function analyseBody(body: Buffer, context: AnalysisContext, atMs: number): Analysis {
  const analysis = analyse({ path: '/v1/messages', headers: {}, body }, 'scope', atMs, context);
  if ('skipReason' in analysis) throw new Error(analysis.skipReason);
  return analysis;
}

/** The plan alone, from what was read of the body. */
function planAgain({ prompt, chain, map, learned }: Analysis, planner: LearnedPlanner, atMs: number): Plan {
  const { cumulativeHighTokens } = learned.request;
  const canSplice = (block: Block): boolean => findSite(map, block.path)?.markers.length === 0;
  const given = { prompt, chain, cumulativeHighTokens: Array.from(cumulativeHighTokens), canSplice, atMs };
  const again = planner.plan(toPlannedRequest(given));
  planner.begin(planner.sent(again, again.breakpoints), atMs);
  return placeBreakpoints(prompt, again);
}

function runRound({ before, after }: Turns): Round {
  const [parseBytes] = measure(() => JSON.parse(after.toString('utf8')) as unknown);
  const text = after.toString('utf8');
  const [parseText] = measure(() => JSON.parse(text) as unknown);
  const unused = freshContext();
  const [cold, analysis] = measure(() => analyseBody(after, unused, START_MS));
  const context = freshContext();
  const earlier = analyseBody(before, context, START_MS);
  const { planner } = context.options;
  planner.begin(planner.sent(earlier.learned, earlier.learned.breakpoints), START_MS + 1000);
  const [known] = measure(() => analyseBody(after, context, START_MS + NEXT_TURN_MS));
  const [planCold] = measure(() => planAgain(analysis, new LearnedPlanner(), START_MS));
  const taught = new LearnedPlanner();
  planAgain(earlier, taught, START_MS);
  const [planKnown] = measure(() => planAgain(analysis, taught, START_MS + NEXT_TURN_MS));
  return { parseText, parseBytes, cold, known, planCold, planKnown };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.round((values.length - 1) * share)] ?? 0;
}

/** Median and the quartiles around it. */
function spread(values: readonly number[], digits: number): string {
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(values, share).toFixed(digits));
  return `${median} (${low}-${high})`;
}

function printCase(rounds: readonly Round[]): void {
  for (const { work, name, limit } of WORKS) {
    const times = rounds.map((round) => round[work] / 1000);
    const ratios = rounds.map((round) => round[work] / round.parseBytes);
    const wanted = limit === null ? '' : `, at most ${limit} wanted`;
    print(`  ${name.padEnd(36)}${spread(times, 2).padEnd(20)} ms   ${spread(ratios, 2)} of parsing${wanted}`);
  }
}

function measureCase({ name, bytes, blocks, rounds }: Case, shape: (typeof SHAPES)[number]): void {
  const { order, spelling } = shape;
  const conversations = Array.from({ length: CONVERSATIONS }, (_, seed) =>
    makeTurns({ bytes, blocks, order, spelling, seed }),
  );
  const all = Array.from({ length: WARM_UP_ROUNDS + rounds }, (_, round) => {
    const turns = conversations[round % CONVERSATIONS];
    return turns ? [runRound(turns)] : [];
  });
  const taken = conversations.map(({ after }) => after.length / 1000);
  print(
    `\n${name} (${quantile(taken, 0.5).toFixed(0)} KB), ${blocks} blocks, ${shape.name}: ${rounds} rounds`,
  );
  printCase(all.slice(WARM_UP_ROUNDS).flat());
}

const asked = process.argv.slice(2);
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);
print(
  `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; CPU time, median (quartiles)`,
);
for (const each of CASES.filter(({ name }) => isAsked(name))) {
  for (const shape of SHAPES) measureCase(each, shape);
}
if (isAsked('state')) {
  const { nodes, blocks, bytesPerNode } = measureState(STATE_CONVERSATIONS);
  const perBlock = ((bytesPerNode * nodes) / blocks).toFixed(0);
  print(`\nstate: ${nodes} nodes of ${blocks} blocks in all, ${perBlock} bytes a block`);
  print(`  ${bytesPerNode.toFixed(0)} bytes a node, at most 300 wanted`);
  const times = measureSnapshots(SNAPSHOT_CONVERSATIONS, SNAPSHOT_ROUNDS);
  print(`\na copy of ${times.nodes} nodes, ${(times.bytes / 1e6).toFixed(1)} MB, ms of the clock`);
  print(`  at once ${spread(times.wholeMs, 1)}`);
  print(`  in slices: to begin ${spread(times.beginMs, 1)}, then ${spread(times.sliceMs, 2)} each`);
}
