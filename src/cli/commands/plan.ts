import { Option, type Command } from 'commander';
import picocolors from 'picocolors';

import {
  billTokens,
  cacheStep,
  emptyCacheState,
  formatUsd,
  standardPricing,
  toCacheRequest,
  toUsd,
  type CacheOutcome,
  type PicoUsd,
} from '../../core/index.ts';
import { analyseRequest, type Analysis } from '../../engine/index.ts';
import { systemClock } from '../../runtime/index.ts';
import { spliceMarkers } from '../../wire/index.ts';
import { UsageError } from '../errors.ts';
import { printJson, printLine, readRequestFile } from '../io.ts';
import { renderTable } from '../table.ts';

interface PlanFlags {
  readonly apply?: boolean;
  readonly json?: boolean;
  readonly placement: 'respect' | 'override';
}

/** Input cost of a request sent for the first time and sent again while its entries live. */
interface Forecasts {
  readonly uncachedPicoUsd: PicoUsd;
  readonly firstPicoUsd: PicoUsd;
  readonly nextPicoUsd: PicoUsd;
  readonly first: CacheOutcome;
}

function priceOf(analysis: Analysis, outcome: CacheOutcome): PicoUsd {
  const pricing = standardPricing(systemClock.nowMs());
  return billTokens(analysis.prompt.model.facts, { ...outcome, outputTokens: 0 }, pricing).totalPicoUsd;
}

function forecast(analysis: Analysis): Forecasts {
  const planned = toCacheRequest(analysis.prompt, analysis.chain, analysis.plan.breakpoints);
  const plain = { ...planned, breakpoints: [] };
  const [uncached] = cacheStep(emptyCacheState, plain, { startMs: 0, readyMs: 0 });
  const [first, state] = cacheStep(emptyCacheState, planned, { startMs: 0, readyMs: 0 });
  const [next] = cacheStep(state, planned, { startMs: 1, readyMs: 1 });
  return {
    uncachedPicoUsd: priceOf(analysis, uncached),
    firstPicoUsd: priceOf(analysis, first),
    nextPicoUsd: priceOf(analysis, next),
    first,
  };
}

function describe(analysis: Analysis): object {
  const { plan, prompt, chain } = analysis;
  const costs = forecast(analysis);
  return {
    model: prompt.model.facts.id,
    modelNote: prompt.model.note,
    minCacheableTokens: prompt.model.facts.minCacheableTokens,
    estimatedTokens: chain.cumulativeTokens.at(-1) ?? 0,
    markerProblem: prompt.markerProblem?.message ?? null,
    breakpoints: plan.breakpoints.map(({ blockIndex, ttl, origin }) => ({
      path: prompt.blocks[blockIndex]?.path.join('.') ?? '',
      ttl,
      by: plan.added.some((own) => own.blockIndex === blockIndex) ? 'cachewright' : `client (${origin})`,
      prefixTokens: chain.cumulativeTokens[blockIndex] ?? 0,
      reason: plan.added.find((own) => own.blockIndex === blockIndex)?.reason ?? 'set by the client',
    })),
    declined: plan.declined,
    inputCostUsd: {
      uncached: toUsd(costs.uncachedPicoUsd),
      firstRequest: toUsd(costs.firstPicoUsd),
      sameAgainWithinTtl: toUsd(costs.nextPicoUsd),
    },
  };
}

function printPlan(analysis: Analysis): void {
  const { plan, prompt, chain } = analysis;
  const costs = forecast(analysis);
  const total = chain.cumulativeTokens.at(-1) ?? 0;
  if (prompt.model.note !== null) printLine(picocolors.yellow(prompt.model.note));
  printLine(
    `${picocolors.bold(prompt.model.facts.id)}, about ${total.toLocaleString('en-US')} tokens, minimum ${prompt.model.facts.minCacheableTokens}`,
  );
  if (prompt.markerProblem)
    printLine(picocolors.red(`the API would refuse the markers: ${prompt.markerProblem.message}`));
  const rows = plan.breakpoints.map(({ blockIndex, ttl }) => {
    const own = plan.added.find((placement) => placement.blockIndex === blockIndex);
    const prefix = `~${(chain.cumulativeTokens[blockIndex] ?? 0).toLocaleString('en-US')}`;
    const path = prompt.blocks[blockIndex]?.path.join('.') ?? '';
    return [path, ttl, prefix, own ? 'cachewright' : 'client', own?.reason ?? 'set by the client'];
  });
  printLine(
    rows.length > 0 ? renderTable(['breakpoint', 'TTL', 'prefix', 'by', 'why'], rows) : 'no breakpoint',
  );
  for (const { place, reason } of plan.declined) printLine(picocolors.dim(`not at ${place}: ${reason}`));
  printLine(
    `input cost: ${formatUsd(costs.firstPicoUsd)} first, ${formatUsd(costs.nextPicoUsd)} again within the TTL, ${formatUsd(costs.uncachedPicoUsd)} uncached (estimated)`,
  );
}

function plan(file: string, flags: PlanFlags): void {
  const { bytes } = readRequestFile(file);
  const analysis = analyseRequest(bytes, { placement: flags.placement });
  if ('skipReason' in analysis) throw new UsageError(`${file} is left as it is: ${analysis.skipReason}`);
  if (flags.apply) {
    process.stdout.write(spliceMarkers(analysis.bytes, analysis.map, analysis.plan.added).bytes);
  } else if (flags.json) {
    printJson(describe(analysis));
  } else {
    printPlan(analysis);
  }
}

/** `plan`: where breakpoints go in one request, and why. */
export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('where breakpoints go in one Messages request, with TTLs, reasons and expected cost')
    .argument('<file>', 'the request as JSON; - reads stdin')
    .addOption(
      new Option('--apply', 'print the request with markers put in, byte for byte otherwise').conflicts(
        'json',
      ),
    )
    .option('--json', 'print one JSON document')
    .addOption(
      new Option('--placement <how>', "keep the client's markers, or replace them")
        .choices(['respect', 'override'])
        .default('respect'),
    )
    .action(plan);
}
