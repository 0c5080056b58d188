import { expect, test } from 'vitest';

import {
  formatCount,
  formatDollars,
  formatPercent,
  formatRatio,
  formatSpan,
  formatTimes,
  pickTokenUnit,
} from './format.ts';

test('shares have a sign only where asked, and never one on zero', () => {
  expect(formatPercent(0.5)).toBe('50.0 %');
  expect(formatPercent(-0.7971, true)).toBe('−79.7 %');
  expect(formatPercent(0.25, true)).toBe('+25.0 %');
  expect(formatPercent(-0.0001, true)).toBe('0.0 %');
  expect(formatPercent(0.0001, true)).toBe('0.0 %');
});

test('what is no number is not shown as 0', () => {
  expect([
    formatPercent(NaN),
    formatRatio(NaN),
    formatTimes(Infinity),
    formatDollars(NaN),
    formatCount(NaN),
  ]).toEqual(Array(5).fill('n/a'));
});

test('amounts and factors', () => {
  expect(formatDollars(-1234.5)).toBe('−$1,234.50');
  expect(formatDollars(0.01234)).toBe('$0.01234');
  expect(formatRatio(0.14304)).toBe('0.143');
  expect(formatTimes(1.4211)).toBe('1.42×');
});

test('spans take their largest unit', () => {
  expect([300_000, 3_600_000, 5_400_000, 999.9, 604_800_000, 12].map(formatSpan)).toEqual([
    '5 min',
    '1 h',
    '1.5 h',
    '1 s',
    '7 d',
    '12 ms',
  ]);
});

test('a column of tokens has one unit', () => {
  expect(pickTokenUnit([5, 999_999])).toMatchObject({ unit: 'tokens' });
  const { unit, write } = pickTokenUnit([2_713_400_000, 5]);
  expect([unit, write(2_713_400_000), write(50_000)]).toEqual(['M tokens', '2,713.4', '0.1']);
});
