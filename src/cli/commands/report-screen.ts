import picocolors from 'picocolors';

import { formatUsd } from '../../core/index.ts';
import type {
  LedgerReport,
  ReportMoney,
  ReportRatio,
  ReportSavings,
  ReportSums,
} from '../../ledger/index.ts';
import { renderTable } from '../table.ts';

const count = (value: number): string => value.toLocaleString('en-US');
const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
const heading = (text: string): string => picocolors.bold(picocolors.cyan(text));
const dollars = ({ picoUsd }: ReportMoney): string => formatUsd(BigInt(picoUsd));

/** Columns of the first words, and of the amounts beside them. */
const NAME_WIDTH = 34;
const AMOUNT_WIDTH = 14;
const GROUPS_SHOWN = 30;

/** Money that may be lost: a loss is red. */
function signed(money: ReportMoney, width = 0): string {
  const text = dollars(money).padStart(width);
  return money.picoUsd.startsWith('-') ? picocolors.red(text) : text;
}

function percent(ratio: number | null): string {
  return ratio === null ? 'n/a' : `${(ratio * 100).toFixed(1)} %`;
}

function share({ numerator, denominator, ratio }: ReportRatio): string {
  return `${percent(ratio)} (${count(numerator)} of ${count(denominator)})`;
}

function shareOf(money: ReportMoney, whole: ReportMoney): string {
  return whole.picoUsd === '0' ? 'n/a' : percent(money.usd / whole.usd);
}

/** Names come from clients: nothing in them may steer the terminal. */
function clean(name: string): string {
  const plain = name.replaceAll(/\p{Cc}/gu, '?');
  return plain.length <= 40 ? plain : `${plain.slice(0, 39)}…`;
}

function line(name: string, amount: string, note = ''): string {
  return `  ${name.padEnd(NAME_WIDTH)}${amount}  ${note}`.trimEnd();
}

function savingsLines(
  title: string,
  saved: ReportSavings,
  net: ReportSavings,
  hasOwn: boolean,
): readonly string[] {
  const row = (name: string, own: ReportMoney, left: ReportMoney): string =>
    line(`  ${name}`, signed(own, AMOUNT_WIDTH), hasOwn ? `${signed(left)} after what was spent on it` : '');
  return [
    line(title, '', ''),
    row('no caching at all (billed)', saved.noCaching, net.noCaching),
    row("the client's own markers (model)", saved.client, net.client),
    row('automatic caching (model)', saved.automatic, net.automatic),
  ];
}

function moneyLines({ total, details }: LedgerReport): readonly string[] {
  const unknown =
    details.unreported > 0
      ? `; ${count(details.unreported)} of ${plural(details.records, 'record')} reported no usage: not known, and not 0`
      : '';
  const hasOwn = details.ownRequests > 0 || total.ownCost.picoUsd !== '0';
  return [
    heading('Money'),
    line(
      'Billed',
      dollars(total.cost).padStart(AMOUNT_WIDTH),
      `${plural(total.requests, 'request')}${unknown}`,
    ),
    line(
      'Spent by the gateway itself',
      dollars(total.ownCost).padStart(AMOUNT_WIDTH),
      `${plural(details.ownRequests, 'request')}: pings, warming`,
    ),
    ...savingsLines('Saved, against', total.saved, total.netSaved, hasOwn),
  ];
}

function tokenLines({ total, details }: LedgerReport): readonly string[] {
  const row = (name: string, tokens: number): string => line(name, count(tokens).padStart(AMOUNT_WIDTH));
  const responses = Object.entries(details.responses).map(
    ([outcome, number]) => `${count(number)} ${outcome}`,
  );
  return [
    heading('Tokens'),
    line(
      'Read from the cache',
      count(total.readTokens).padStart(AMOUNT_WIDTH),
      `${share(total.hitRatio)} of all input`,
    ),
    row('Written for 5 minutes', total.write5mTokens),
    row('Written for an hour', total.write1hTokens),
    row('Uncached', total.uncachedTokens),
    row('Output', total.outputTokens),
    ...(responses.length > 0 ? [line('Exact answers', '', responses.join(', '))] : []),
  ];
}

function missLines({ misses, total }: LedgerReport): readonly string[] {
  if (misses.length === 0) return [heading('Missed'), '  nothing'];
  const rows = misses.map(({ reason, requests, tokens, cost }) => [
    reason,
    dollars(cost),
    shareOf(cost, total.cost),
    count(tokens),
    count(requests),
  ]);
  const aligns = ['left', 'right', 'right', 'right', 'right'] as const;
  const head = ['reason', 'cost beyond reading', `of ${dollars(total.cost)} billed`, 'tokens', 'requests'];
  return [heading('Missed, by reason'), renderTable(head, rows, [...aligns])];
}

function groupCells({
  name,
  requests,
  cost,
  ownCost,
  netSaved,
  hitRatio,
}: ReportSums & { name: string }): string[] {
  return [
    clean(name),
    count(requests),
    dollars(cost),
    dollars(ownCost),
    signed(netSaved.noCaching),
    signed(netSaved.client),
    signed(netSaved.automatic),
    share(hitRatio),
  ];
}

function groupLines({ by, groups }: LedgerReport): readonly string[] {
  const shown = by === 'day' ? groups.slice(-GROUPS_SHOWN) : groups.slice(0, GROUPS_SHOWN);
  const left = groups.length - shown.length;
  const head = [by, 'requests', 'billed', 'own', 'saved: none', 'client', 'automatic', 'read of input'];
  const aligns = ['left', ...head.slice(1).map(() => 'right' as const)] as const;
  return [
    heading(`By ${by}; saved is what is left after own costs`),
    renderTable(head, shown.map(groupCells), [...aligns]),
    ...(left > 0 ? [`  ${count(left)} more: --json has all`] : []),
  ];
}

/** A report as people read it: money first. */
export function showReport(report: LedgerReport): string {
  const sections = [moneyLines(report), tokenLines(report), missLines(report), groupLines(report)];
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}
