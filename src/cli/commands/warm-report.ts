import picocolors from 'picocolors';

import { formatUsd, toUsd, type PicoUsd, type TokenCounts } from '../../core/index.ts';
import { formatTime } from '../../runtime/index.ts';
import { WARM_STATUSES, type WarmPreview, type WarmReport, type WarmStatus } from '../../warming/index.ts';
import { printLine } from '../io.ts';
import { renderTable } from '../table.ts';

/** What all rounds of a command came to. */
export interface WarmSums {
  readonly rounds: number;
  readonly requests: number;
  readonly retries: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  readonly uncertainPicoUsd: PicoUsd;
}

/** Rows of a table for people; a report of a thousand lines is for programs. */
const ROWS_MAX = 20;

const MEANINGS: Readonly<Record<WarmStatus, string>> = {
  wrote: 'written now',
  'already-warm': 'were warm, and were renewed',
  'still-warm': 'are warm for long enough: not sent',
  duplicate: 'have the prefix of another one',
  'below-minimum': 'too short to be cached',
  refused: 'cannot be warmed',
  'over-budget': 'not paid for by the budget',
  failed: 'failed',
  cancelled: 'not sent: stopped before',
};

const NOT_WARM: ReadonlySet<WarmStatus> = new Set(['refused', 'over-budget', 'failed', 'cancelled']);

const thousands = (count: number): string => count.toLocaleString('en-US');

const requestsOf = (count: number): string => `${thousands(count)} ${count === 1 ? 'request' : 'requests'}`;

/** The report as one JSON document; times as RFC 3339, amounts in dollars. */
export function describeReport(report: WarmReport, sums: WarmSums, budgetUsd: number | null): object {
  const { prompts, counts, notWarm, results } = report;
  const { costPicoUsd, uncertainPicoUsd, ...others } = sums;
  return {
    prompts,
    counts,
    notWarm,
    ...others,
    costUsd: toUsd(costPicoUsd),
    costPicoUsd,
    uncertainUsd: toUsd(uncertainPicoUsd),
    budgetUsd,
    startedAt: formatTime(report.startMs),
    endedAt: formatTime(report.endMs),
    results: results.map(({ costPicoUsd: cost, uncertainPicoUsd: uncertain, warmUntilMs, ...result }) => ({
      ...result,
      costUsd: toUsd(cost),
      uncertainUsd: toUsd(uncertain),
      warmUntil: warmUntilMs === null ? null : formatTime(warmUntilMs),
    })),
  };
}

/** Prints the report for people. */
export function printReport(report: WarmReport, sums: WarmSums): void {
  const rows = WARM_STATUSES.filter((status) => report.counts[status] > 0).map((status) => [
    NOT_WARM.has(status) ? picocolors.red(status) : status,
    thousands(report.counts[status]),
    MEANINGS[status],
  ]);
  printLine(renderTable(['prompts', '', ''], rows, ['left', 'right', 'left']));
  const failed = report.results.filter(({ status }) => NOT_WARM.has(status));
  for (const { id, status, reason } of failed.slice(0, ROWS_MAX)) {
    printLine(`${id}: ${status}${reason === null ? '' : `: ${reason}`}`);
  }
  if (failed.length > ROWS_MAX) printLine(`and ${failed.length - ROWS_MAX} more: --json has all of them`);
  const { tokens, requests, retries, rounds } = sums;
  const written = tokens.write5mTokens + tokens.write1hTokens;
  const inRounds = rounds > 1 ? ` in ${rounds} rounds` : '';
  printLine(
    `${requestsOf(requests)}${inRounds}, ${retries} of them again; ${thousands(written)} tokens written, ` +
      `${thousands(tokens.readTokens)} read; ${formatUsd(sums.costPicoUsd)}`,
  );
  if (sums.uncertainPicoUsd > 0n) {
    printLine(
      `at most ${formatUsd(sums.uncertainPicoUsd)} more, for requests of which nobody knows whether they were billed`,
    );
  }
}

/** The preview as one JSON document. */
export function describePreview({ prompts, requests, expectedPicoUsd }: WarmPreview): object {
  return {
    prompts: prompts.length,
    requests,
    expectedUsd: toUsd(expectedPicoUsd),
    results: prompts.map(({ expectedPicoUsd: expected, worstPicoUsd: worst, ...preview }) => ({
      ...preview,
      expectedUsd: toUsd(expected),
      worstUsd: worst === null ? null : toUsd(worst),
    })),
  };
}

/** Prints the preview for people. */
export function printPreview({ prompts, requests, expectedPicoUsd }: WarmPreview): void {
  const rows = prompts
    .slice(0, ROWS_MAX)
    .map((preview) => [
      preview.id,
      preview.fate,
      thousands(preview.prefixTokens),
      preview.breakpoints.map(({ path, ttl }) => `${path} ${ttl}`).join('\n'),
      formatUsd(preview.expectedPicoUsd),
      preview.reason ?? '',
    ]);
  const head = ['prompt', 'would be', '~tokens', 'breakpoints', 'cost', 'why'];
  printLine(renderTable(head, rows, ['left', 'left', 'right', 'left', 'right', 'left']));
  if (prompts.length > ROWS_MAX) printLine(`and ${prompts.length - ROWS_MAX} more: --json has all of them`);
  printLine(`${requestsOf(requests)}, about ${formatUsd(expectedPicoUsd)}; nothing was sent`);
}
