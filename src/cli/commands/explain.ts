import type { Command } from 'commander';
import picocolors from 'picocolors';

import {
  billTokens,
  cacheStep,
  emptyCacheState,
  findDivergence,
  formatUsd,
  noTokens,
  standardPricing,
  toCacheRequest,
  toUsd,
  type BlockPath,
  type CacheOutcome,
  type Divergence,
  type PicoUsd,
} from '../../core/index.ts';
import { analyseRequest, type Analysis } from '../../engine/index.ts';
import { systemClock } from '../../runtime/index.ts';
import { UsageError } from '../errors.ts';
import { printJson, printLine, readRequestFile } from '../io.ts';

interface ExplainFlags {
  readonly json?: boolean;
}

/** Where two requests part, in the bytes of each. */
interface Difference {
  readonly path: string;
  readonly startByte: number;
  readonly endByte: number;
  readonly excerpt: string;
}

interface Explanation {
  readonly isHit: boolean;
  readonly readTokens: number;
  readonly totalTokens: number;
  readonly divergence: Divergence | null;
  readonly first: Difference | null;
  readonly second: Difference | null;
  /** Input cost of B beyond what it would be if all that both share and all that A wrote were read. */
  readonly lostTokens: number;
  readonly lostPicoUsd: PicoUsd;
  readonly outcome: CacheOutcome;
  readonly usesOurPlan: boolean;
}

/** Bytes shown around the first byte that differs. */
const EXCERPT_BYTES = 48;

function load(file: string): Analysis {
  const { bytes } = readRequestFile(file);
  const analysis = analyseRequest(bytes);
  if ('skipReason' in analysis) throw new UsageError(`${file} cannot be compared: ${analysis.skipReason}`);
  return analysis;
}

/** A block's bytes without its markers, which no prefix contains, and where each of them stands in the body. */
interface BareBlock {
  readonly path: BlockPath;
  readonly end: number;
  readonly offsets: readonly number[];
}

function bareBlock(side: Analysis, path: BlockPath | null): BareBlock | null {
  const key = path?.join('.');
  const site = side.map.sites.find((candidate) => candidate.path.join('.') === key);
  if (!site || !path) return null;
  const holes = [...site.markers, ...site.nestedMarkers].map((marker) => marker.removal);
  const offsets: number[] = [];
  for (let at = site.span.start; at < site.span.end; at += 1) {
    const hole = holes.find((span) => at >= span.start && at < span.end);
    if (hole) at = hole.end - 1;
    else offsets.push(at);
  }
  return { path, end: site.span.end, offsets };
}

function firstDifference(a: Analysis, blockA: BareBlock, b: Analysis, blockB: BareBlock): number {
  const length = Math.min(blockA.offsets.length, blockB.offsets.length);
  for (let index = 0; index < length; index += 1) {
    if (a.bytes[blockA.offsets[index] ?? 0] !== b.bytes[blockB.offsets[index] ?? 0]) return index;
  }
  return length;
}

function describeDifference(side: Analysis, block: BareBlock, index: number): Difference {
  const startByte = block.offsets[index] ?? block.end;
  const from = block.offsets[Math.max(0, index - EXCERPT_BYTES / 2)] ?? startByte;
  const excerpt = side.bytes.subarray(from, Math.min(block.end, from + EXCERPT_BYTES)).toString('utf8');
  return { path: block.path.join('.'), startByte, endByte: block.end, excerpt };
}

/** The first bytes at which the two blocks differ where the prompts part, on each side. */
function compareBytes(
  a: Analysis,
  b: Analysis,
  divergence: Divergence | null,
): [Difference | null, Difference | null] {
  const blockA = bareBlock(a, divergence?.earlierPath ?? null);
  const blockB = bareBlock(b, divergence?.laterPath ?? null);
  if (!blockA || !blockB) return [null, null];
  const index = firstDifference(a, blockA, b, blockB);
  return [describeDifference(a, blockA, index), describeDifference(b, blockB, index)];
}

function explain(a: Analysis, b: Analysis): Explanation {
  const usesOurPlan = a.prompt.breakpoints.length === 0;
  const pick = (side: Analysis) => (usesOurPlan ? side.plan.breakpoints : side.prompt.breakpoints);
  const [, state] = cacheStep(emptyCacheState, toCacheRequest(a.prompt, a.chain, pick(a)), {
    startMs: 0,
    readyMs: 0,
  });
  const [outcome] = cacheStep(state, toCacheRequest(b.prompt, b.chain, pick(b)), { startMs: 1, readyMs: 1 });
  const divergence = findDivergence(a.prompt, a.chain, b.prompt, b.chain);
  const [first, second] = compareBytes(a, b, divergence);
  const lastOfA = pick(a).at(-1);
  const writtenByA = lastOfA ? (a.chain.cumulativeTokens[lastOfA.blockIndex] ?? 0) : 0;
  const lostTokens = Math.max(0, Math.min(writtenByA, outcome.totalTokens) - outcome.readTokens);
  const { facts } = b.prompt.model;
  const pricing = standardPricing(systemClock.nowMs());
  const asWritten = billTokens(facts, { ...noTokens, write5mTokens: lostTokens }, pricing).totalPicoUsd;
  const asRead = billTokens(facts, { ...noTokens, readTokens: lostTokens }, pricing).totalPicoUsd;
  return {
    isHit: outcome.readTokens > 0,
    readTokens: outcome.readTokens,
    totalTokens: outcome.totalTokens,
    divergence,
    first,
    second,
    lostTokens,
    lostPicoUsd: asWritten - asRead,
    outcome,
    usesOurPlan,
  };
}

function printDifference(name: string, difference: Difference | null): void {
  if (!difference) return;
  printLine(
    `  ${name} ${difference.path}, bytes ${difference.startByte}-${difference.endByte}: ${picocolors.yellow(JSON.stringify(difference.excerpt))}`,
  );
}

function printExplanation(found: Explanation): void {
  const share = `${found.readTokens.toLocaleString('en-US')} of ${found.totalTokens.toLocaleString('en-US')} tokens (estimated)`;
  printLine(
    found.isHit
      ? picocolors.green(`hit: B reads ${share} that A wrote`)
      : picocolors.red(`miss: B reads ${share}`),
  );
  if (found.usesOurPlan)
    printLine('A has no markers: compared with the breakpoints that Cachewright would add');
  if (!found.divergence) {
    printLine('the shorter of both is a prefix of the other: nothing diverges');
  } else {
    printLine(
      `${found.divergence.reason} after ${found.divergence.sharedBlocks} shared blocks (~${found.divergence.sharedTokens} tokens): lost from the ${found.divergence.level} level on`,
    );
    printDifference('A', found.first);
    printDifference('B', found.second);
  }
  if (found.lostTokens > 0)
    printLine(
      `about ${found.lostTokens.toLocaleString('en-US')} tokens are written again instead of read: ${formatUsd(found.lostPicoUsd)} more`,
    );
}

function toJson(found: Explanation): object {
  const { divergence, outcome } = found;
  return {
    hit: found.isHit,
    readTokens: found.readTokens,
    totalTokens: found.totalTokens,
    write5mTokens: outcome.write5mTokens,
    write1hTokens: outcome.write1hTokens,
    uncachedTokens: outcome.uncachedTokens,
    reason: divergence?.reason ?? null,
    level: divergence?.level ?? null,
    sharedBlocks: divergence?.sharedBlocks ?? null,
    sharedTokens: divergence?.sharedTokens ?? null,
    a: found.first,
    b: found.second,
    lostTokens: found.lostTokens,
    lostUsd: toUsd(found.lostPicoUsd),
    breakpoints: found.usesOurPlan ? 'cachewright' : 'client',
  };
}

function run(fileA: string, fileB: string, flags: ExplainFlags): void {
  const found = explain(load(fileA), load(fileB));
  if (flags.json) printJson(toJson(found));
  else printExplanation(found);
}

/** `explain`: would one request read what another wrote? */
export function addExplainCommand(program: Command): void {
  program
    .command('explain')
    .description(
      'would request B hit what request A wrote? If not: the first byte that moved, and what it costs',
    )
    .argument('<a>', 'the earlier request as JSON')
    .argument('<b>', 'the later request as JSON')
    .option('--json', 'print one JSON document')
    .action(run);
}
