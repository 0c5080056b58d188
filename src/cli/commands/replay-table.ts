import picocolors from 'picocolors';

import type { PolicyResult, ReplayResult } from '../../replay/index.ts';
import { printLine } from '../io.ts';
import { renderTable } from '../table.ts';

const HEAD = [
  'policy',
  'input cost',
  'of no caching',
  'x bound',
  'read',
  'write 5m',
  'write 1h',
  'uncached',
  'pings',
];

function usd(value: number): string {
  const digits = value > 0 && value < 1 ? 4 : 2;
  return `$${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function times(ratio: number, bound: number): string {
  return bound > 0 ? (ratio / bound).toFixed(2) : '';
}

function policyRow(policy: PolicyResult, bound: number): readonly string[] {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens, pings, pingUsd } = policy;
  const total = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  const shares = [readTokens, write5mTokens, write1hTokens, uncachedTokens].map((tokens) =>
    tokens === 0 ? '' : percent(tokens / total),
  );
  const pingText = pings === 0 ? '' : `${pings.toLocaleString('en-US')}, ${usd(pingUsd)}`;
  const { name, costUsd, costRatio } = policy;
  return [name, usd(costUsd), costRatio.toFixed(4), times(costRatio, bound), ...shares, pingText];
}

function policyTable(policies: readonly PolicyResult[], bound: number, boundUsd: number): string {
  const rows = policies.map((policy) => policyRow(policy, bound));
  const boundRow = ['lower bound', usd(boundUsd), bound.toFixed(4), times(bound, bound), '', '', '', '', ''];
  const aligns = HEAD.map((_, column) => (column === 0 ? 'left' : 'right'));
  return renderTable(HEAD, [...rows, boundRow], aligns);
}

/** Families in columns: the cost of each policy over no caching. */
function familyTable({ families, policies }: ReplayResult): string {
  const head = ['of no caching', ...families.map(({ family }) => family)];
  const requestRow = ['requests', ...families.map(({ requests }) => requests.toLocaleString('en-US'))];
  const rows = policies.map(({ name }, index) => [
    name,
    ...families.map((family) => (family.policies[index]?.costRatio ?? 1).toFixed(4)),
  ]);
  const boundRow = ['lower bound', ...families.map(({ lowerBound }) => lowerBound.costRatio.toFixed(4))];
  const aligns = head.map((_, column) => (column === 0 ? 'left' : 'right'));
  return renderTable(head, [requestRow, ...rows, boundRow], aligns);
}

function describePrices(model: string): string {
  if (model === 'theory') return 'one price for all models: $1 for a million input tokens';
  return model === 'recorded' ? 'prices of the model of each request' : `prices of ${model}`;
}

/** A replay for people: costs, ratios, where tokens went, and what the bound assumes. */
export function printReplay(result: ReplayResult): void {
  const { trace, requests, model, noCacheUsd, outputUsd, policies, lowerBound } = result;
  printLine(
    picocolors.bold(`${trace}: ${requests.toLocaleString('en-US')} requests, ${describePrices(model)}`),
  );
  printLine(policyTable(policies, lowerBound.costRatio, lowerBound.costUsd));
  if (result.families.length > 0) printLine(familyTable(result));
  const outputs = outputUsd > 0 ? ` The answers cost ${usd(outputUsd)} under every policy.` : '';
  printLine(`Without caching the input costs ${usd(noCacheUsd)}.${outputs}`);
  printLine(picocolors.dim('The lower bound:'));
  for (const sentence of lowerBound.assumptions) printLine(picocolors.dim(`  ${sentence}`));
  for (const note of result.notes) printLine(picocolors.yellow(note));
}
