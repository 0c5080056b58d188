import { Option, type Command } from 'commander';
import picocolors from 'picocolors';

import { formatUsd, pathText, PICO_PER_USD } from '../../core/index.ts';
import { analyseSuccessive, type Analysis, type TrafficFinding } from '../../engine/index.ts';
import { systemClock } from '../../runtime/index.ts';
import { spliceMarkers } from '../../wire/index.ts';
import { UsageError } from '../errors.ts';
import { printJson, printLine, readRequestFile } from '../io.ts';
import { renderTable } from '../table.ts';
import { describePlan, forecast, type PlanDocument } from './plan-facts.ts';
import { drawPrompt, type BlockChanges } from './plan-picture.ts';

interface PlanFlags {
  readonly apply?: boolean;
  readonly json?: boolean;
  readonly placement: 'respect' | 'override';
}

function printBreakpoints({ plan, prompt, chain }: Analysis): void {
  const rows = plan.breakpoints.map(({ blockIndex, ttl }) => {
    const own = plan.added.find((placement) => placement.blockIndex === blockIndex);
    const prefix = `~${(chain.cumulativeTokens[blockIndex] ?? 0).toLocaleString('en-US')}`;
    const path = prompt.blocks[blockIndex]?.path.join('.') ?? '';
    return [path, ttl, prefix, own ? 'cachewright' : 'client', own?.reason ?? 'set by the client'];
  });
  printLine(
    rows.length > 0 ? renderTable(['breakpoint', 'TTL', 'prefix', 'by', 'why'], rows) : 'no breakpoint',
  );
}

function printFindings({ findings }: PlanDocument): void {
  const paint = {
    'model-unknown': picocolors.yellow,
    'markers-refused': picocolors.red,
    'no-breakpoint': picocolors.dim,
  };
  for (const finding of findings) {
    if ('advice' in finding) {
      const lost = `~${finding.lostTokens.toLocaleString('en-US')} tokens`;
      const often = `seen in ${finding.seen} of ${finding.requests} requests, ${lost} that could have been read`;
      printLine(picocolors.yellow(`${finding.sentence} (${often}): ${finding.advice}`));
    } else {
      printLine(paint[finding.code](finding.sentence));
    }
  }
}

/** In how many of the requests before it a block was another, by its path. */
function changesSince(analysis: Analysis, before: readonly Analysis[]): BlockChanges {
  const contents = ({ prompt }: Analysis): ReadonlyMap<string, string> =>
    new Map(prompt.blocks.map(({ path, content }) => [pathText(path), content]));
  const now = contents(analysis);
  const then = before.map(contents);
  const differed = (path: string): number => then.filter((each) => each.get(path) !== now.get(path)).length;
  return { earlier: before.length, differed };
}

function printPlan(
  analysis: Analysis,
  before: readonly Analysis[],
  traffic: readonly TrafficFinding[],
  atMs: number,
): void {
  const { facts } = analysis.prompt.model;
  const costs = forecast(analysis, atMs);
  const description = describePlan(analysis, costs, atMs, traffic);
  const total = costs.first.totalTokens.toLocaleString('en-US');
  printLine(
    `${picocolors.bold(facts.id)}, about ${total} tokens, minimum ${facts.minCacheableTokens.toLocaleString('en-US')}`,
  );
  for (const line of drawPrompt(description, changesSince(analysis, before))) printLine(line);
  printBreakpoints(analysis);
  printFindings(description);
  const again = `${formatUsd(costs.firstPicoUsd)} first, ${formatUsd(costs.nextPicoUsd)} again within the TTL`;
  const uncached = `${formatUsd(costs.uncachedPicoUsd)} uncached (estimated)`;
  const mean = formatUsd(BigInt(Math.round(description.expected.costUsd * Number(PICO_PER_USD))));
  printLine(`input cost: ${again}, ${uncached}; ${mean} on average with the expected reuse`);
}

function plan(files: readonly string[], flags: PlanFlags): void {
  const bodies = files.map((file) => readRequestFile(file).bytes);
  const { analyses, findings } = analyseSuccessive(bodies, { placement: flags.placement });
  const analysis = analyses.at(-1);
  if (!analysis || 'skipReason' in analysis)
    throw new UsageError(`${files.at(-1)} is left as it is: ${analysis?.skipReason}`);
  if (flags.apply) {
    process.stdout.write(spliceMarkers(analysis.bytes, analysis.map, analysis.plan.added).bytes);
    return;
  }
  const atMs = systemClock.nowMs();
  if (flags.json) printJson(describePlan(analysis, forecast(analysis, atMs), atMs, findings));
  else {
    const before = analyses.slice(0, -1).filter((each): each is Analysis => !('skipReason' in each));
    printPlan(analysis, before, findings, atMs);
  }
}

/** `plan`: where breakpoints go in one request, and why. */
export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('where breakpoints go in one Messages request, with TTLs, reasons and expected cost')
    .argument(
      '<files...>',
      'the request as JSON; - reads stdin. Of several, sent one after the other: the last, and what keeps them from reading what those before wrote',
    )
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
