/** Costs by period, as they were measured, in USD. */
export interface MeasuredPeriods {
  /** For each choice, the cost in each period. */
  readonly choicesUsd: readonly (readonly number[])[];
  /** Which of them is advised. */
  readonly chosenIndex: number;
  readonly withoutCachingUsd: readonly number[];
  /** What was billed; null where that is not known. */
  readonly billedUsd: readonly number[] | null;
}

/** The middle nine tenths of what other such times would have saved. */
export interface Interval {
  readonly lowUsd: number;
  readonly highUsd: number;
}

/** What resampling says of an advice, for as long a time as was measured. */
export interface Resampled {
  readonly saving: Interval;
  readonly savingOnBill: Interval | null;
  /** Share of resamples in which no other choice costs less. */
  readonly confidence: number;
}

const ROUNDS = 1000;
/** Cut off at each end. */
const TAIL_SHARE = 0.05;

function intervalOf(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return { lowUsd: at(TAIL_SHARE), highUsd: at(1 - TAIL_SHARE) };
}

/**
 * Bootstrap: draws as many periods as there were, with replacement, a thousand times, and looks at what each drawing
 * would have cost under every choice. Periods and not requests are drawn, for gaps make requests depend on each other.
 *
 * @param random gives numbers in [0, 1)
 */
export function resample(periods: MeasuredPeriods, random: () => number): Resampled {
  const { choicesUsd, chosenIndex, withoutCachingUsd, billedUsd } = periods;
  const count = withoutCachingUsd.length;
  const savings: number[] = [];
  const billSavings: number[] = [];
  let best = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const drawn = Array.from({ length: count }, () => Math.floor(random() * count));
    const sum = (values: readonly number[]): number =>
      drawn.reduce((total, period) => total + (values[period] ?? 0), 0);
    const costs = choicesUsd.map(sum);
    const own = costs[chosenIndex] ?? 0;
    if (costs.every((cost) => cost >= own)) best += 1;
    savings.push(sum(withoutCachingUsd) - own);
    if (billedUsd) billSavings.push(sum(billedUsd) - own);
  }
  return {
    saving: intervalOf(savings),
    savingOnBill: billedUsd ? intervalOf(billSavings) : null,
    confidence: best / ROUNDS,
  };
}
