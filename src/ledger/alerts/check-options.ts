import type { BudgetLimits } from './budget.ts';
import { SCALES, type AlertRule } from './rule.ts';

/** Settings that can be wrong. */
interface Checked {
  readonly rules: readonly AlertRule[];
  readonly budget: BudgetLimits;
  readonly keepAliveLossUsd: number;
  readonly seriesMax: number;
  readonly alertsMax: number;
}

const isPositive = (value: unknown): boolean => typeof value === 'number' && value > 0 && value < Infinity;
const isWhole = (value: unknown): boolean => isPositive(value) && Number.isInteger(value);
const isNotNegative = (value: unknown): boolean => value === 0 || isPositive(value);

type Demand = readonly [name: string, isGood: (value: unknown) => boolean, words: string];

const oneOf = (words: readonly string[]): readonly [(value: unknown) => boolean, string] => [
  (value) => words.includes(String(value)),
  `one of ${words.join(', ')}`,
];

const OF_RULE: readonly Demand[] = [
  ['signal', ...oneOf(Object.keys(SCALES))],
  ['by', ...oneOf(['all', 'model', 'scope-and-model'])],
  ['direction', ...oneOf(['fall', 'rise'])],
  ['limit', (value) => value === null || isNotNegative(value), 'a number from 0 on, or null'],
  ['change', (value) => value === null || isPositive(value), 'a number above 0 such as 0.3, or null'],
  ['deviations', isNotNegative, 'a number from 0 on'],
  ['windowMs', isPositive, 'a number of ms above 0'],
  ['samplesMin', isWhole, 'a whole number from 1 on'],
  ['windowsPending', isWhole, 'a whole number from 1 on'],
  ['coolDownMs', isNotNegative, 'a number of ms from 0 on'],
];

const AMOUNT = 'a number of dollars above 0';

function check(where: string, given: object, demands: readonly Demand[]): void {
  const members = new Map<string, unknown>(Object.entries(given));
  for (const [name, isGood, words] of demands) {
    const value = members.get(name);
    if (isGood(value)) continue;
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
    throw new RangeError(`${where}${name} must be ${words}, got ${shown}`);
  }
}

function checkRules(rules: readonly AlertRule[]): void {
  const names = new Set<string>();
  for (const rule of rules) {
    const isNamed = typeof rule.name === 'string' && rule.name !== '';
    if (!isNamed) throw new RangeError('every rule of alerts needs a name');
    const where = `rule ${JSON.stringify(rule.name.slice(0, 80))}: `;
    if (names.has(rule.name)) throw new RangeError(`${where}there is another of this name`);
    names.add(rule.name);
    check(where, rule, OF_RULE);
    if (rule.limit === null && rule.change === null)
      throw new RangeError(`${where}it can never be bad: it needs a limit or a change`);
  }
}

/**
 * Are these settings that alerts can be watched by?
 *
 * @throws RangeError with a sentence that names the rule and the setting.
 */
export function checkOptions(options: Checked): void {
  checkRules(options.rules);
  const limits = ['hourUsd', 'dayUsd', 'monthUsd'] as const;
  const isLimit = (value: unknown): boolean => value === null || isPositive(value);
  check(
    'budget.',
    options.budget,
    limits.map((name) => [name, isLimit, `${AMOUNT}, or null`]),
  );
  check('', options, [
    ['keepAliveLossUsd', isPositive, AMOUNT],
    ['seriesMax', isWhole, 'a whole number from 1 on'],
    ['alertsMax', isWhole, 'a whole number from 1 on'],
  ]);
}
