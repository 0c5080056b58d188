import { barChart, type BarLine } from './bar-chart.ts';
import type { Chart } from './chart.ts';
import { formatPercent, formatRatio, formatTimes } from './format.ts';

/** What one policy cost, as shares of the cost of no caching. */
export interface PolicyCost {
  readonly name: string;
  /** All that it cost, its own requests included. */
  readonly costRatio: number;
  /** Of that, what its own requests cost, such as pings. */
  readonly ownRatio: number;
}

export interface PolicyCosts {
  readonly policies: readonly PolicyCost[];
  /** No policy can cost less; null when it is not known. */
  readonly lowerBoundRatio: number | null;
}

/** Above this the names of the two lines would run into each other: they stand on the outer sides. */
const CLOSE_RATIO = 0.5;

function labelOf(policy: PolicyCost, bound: number | null): string {
  const change = formatPercent(policy.costRatio - 1, true);
  const times = bound === null || bound <= 0 ? '' : ` · ${formatTimes(policy.costRatio / bound)} bound`;
  return `${change}${times}`;
}

function linesOf(bound: number | null): readonly BarLine[] {
  const isClose = bound !== null && bound > CLOSE_RATIO;
  const noCaching: BarLine = {
    at: 1,
    name: 'no caching',
    isDashed: true,
    side: isClose ? 'left' : 'center',
  };
  if (bound === null) return [noCaching];
  const side = isClose ? 'right' : 'left';
  return [noCaching, { at: bound, name: `lower bound ${formatRatio(bound)}`, isDashed: false, side }];
}

/**
 * Bars: what each policy cost against the lower bound, cheapest first. What it sent by itself has a second colour; the
 * label has the change against no caching, with its sign, and the factor above the bound.
 */
export function policyChart({ policies, lowerBoundRatio }: PolicyCosts): Chart {
  const sorted = policies.toSorted((a, b) => a.costRatio - b.costRatio);
  const told = sorted.map(
    (policy) => `${policy.name} ${formatRatio(policy.costRatio)} (${labelOf(policy, lowerBoundRatio)})`,
  );
  const bound =
    lowerBoundRatio === null ? '' : ` No policy can cost less than ${formatRatio(lowerBoundRatio)}.`;
  return barChart({
    id: 'cost-by-policy',
    title: 'Cost by policy, against the lower bound',
    description: `Cost of each policy as a share of the cost of no caching, cheapest first: ${told.join('; ')}.${bound}`,
    partNames: ['Requests', 'Own requests (pings)'],
    bars: sorted.map((policy) => ({
      name: policy.name,
      first: policy.costRatio - policy.ownRatio,
      second: policy.ownRatio,
      label: labelOf(policy, lowerBoundRatio),
    })),
    lines: linesOf(lowerBoundRatio),
    axisName: 'cost, as a share of the cost of no caching',
    formatAxis: (ratio) => String(Number(ratio.toFixed(2))),
  });
}
