import picocolors from 'picocolors';

import { formatUsd } from '../../core/index.ts';
import type { FamilyAdvice, MonthProjection, Projected } from '../../planner/index.ts';
import { formatTime } from '../../runtime/index.ts';

/** What a check of an earlier projection came to. */
export interface CheckedFamily {
  readonly family: string;
  readonly model: string;
  readonly sentence: string;
}

const PICO_PER_USD = 1e12;

const usd = (amount: number): string => formatUsd(BigInt(Math.round(amount * PICO_PER_USD)));
const count = (value: number): string => value.toLocaleString('en-US');

/** Names of files come from elsewhere: nothing in them may steer the terminal. */
export function plainName(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

function withInterval({ usd: amount, lowUsd, highUsd }: Projected): string {
  if (lowUsd === null || highUsd === null) return usd(amount);
  return `${usd(amount)} (nine tenths of such months: ${usd(lowUsd)} to ${usd(highUsd)})`;
}

function monthLines(month: MonthProjection): readonly string[] {
  const { withoutCachingUsd, costUsd, saving, savingOnBill } = month;
  return [
    `a month without caching ${usd(withoutCachingUsd)}, so ${usd(costUsd)}: saves ${withInterval(saving)}`,
    ...(savingOnBill ? [`against what was billed: ${withInterval(savingOnBill)}`] : []),
  ];
}

/** Advice for one family, as lines. */
export function renderAdvice(advice: FamilyAdvice): readonly string[] {
  const { family, model, requests, fromMs, toMs, breakpoints, places, measured, month, findings } = advice;
  const name = picocolors.bold(plainName(family));
  const set = breakpoints.map(({ place, ttl }) => `${ttl} at ${place}`).join(', ');
  return [
    `${name}, ${model}: ${count(requests)} requests, ${formatTime(fromMs)} to ${formatTime(toMs)}`,
    `  ${picocolors.cyan(set === '' ? 'do not cache' : `set ${set}`)}`,
    `  these requests: ${usd(measured.withoutCachingUsd)} without caching, ${usd(measured.costUsd)} so${
      measured.billedUsd === null ? '' : `, ${usd(measured.billedUsd)} billed`
    }`,
    ...(month ? monthLines(month) : []).map((line) => `  ${line}`),
    ...places.map(({ place, why }) => `  ${place}: ${why}`),
    ...findings.map(({ sentence }) => `  ${picocolors.yellow('note')}: ${sentence}`),
  ];
}

export function renderCheck({ family, model, sentence }: CheckedFamily): string {
  return `${picocolors.bold(plainName(family))}, ${model}: ${sentence}`;
}
