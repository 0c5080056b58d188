import { toUsd, type PicoUsd } from '../../core/index.ts';

/** Labels of a point. Whoever sets one sees to it that it has few values. */
export type Labels = Readonly<Record<string, string>>;

/** What a histogram has counted. */
export interface HistogramValue {
  readonly boundaries: readonly number[];
  /** One for each boundary, and one for what is above the last. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** What a metric is called, and what it counts. */
export interface MetricName {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
}

/** A metric as it stands. `sum`: only grows. `signed`: grows and shrinks. `gauge`: how it is now. */
export type Metric = MetricName &
  (
    | {
        readonly kind: 'sum' | 'signed' | 'gauge';
        readonly points: readonly { readonly labels: Labels; readonly value: number }[];
      }
    | {
        readonly kind: 'histogram';
        readonly points: readonly { readonly labels: Labels; readonly value: HistogramValue }[];
      }
  );

/** Joins values of labels to keys, each pair once: a text that was a key before is found without being read again. */
export class JoinedKeys {
  readonly #byFirst = new Map<string, Map<string, string>>();

  /** @param first one value, or several that were joined already; both have few values, as labels have */
  of(first: string, second: string): string {
    const known = this.#byFirst.get(first);
    const key = known?.get(second);
    if (key !== undefined) return key;
    const made = `${first}\n${second}`;
    if (known) known.set(second, made);
    else this.#byFirst.set(first, new Map([[second, made]]));
    return made;
  }
}

/** Points of one metric by their labels. */
class Points<Value> {
  readonly #labelNames: readonly string[];
  readonly #start: () => Value;
  readonly #points = new Map<string, { readonly labels: Labels; readonly cell: { value: Value } }>();

  constructor(labelNames: readonly string[], start: () => Value) {
    this.#labelNames = labelNames;
    this.#start = start;
  }

  /** @param key the values of the labels in their order, with line ends between them; an empty one is no label */
  at(key: string): { value: Value } {
    const known = this.#points.get(key);
    if (known) return known.cell;
    const values = key.split('\n');
    const pairs = this.#labelNames.map((name, index) => [name, values[index] ?? ''] as const);
    const labels = Object.fromEntries(pairs.filter(([, value]) => value !== ''));
    const cell = { value: this.#start() };
    this.#points.set(key, { labels, cell });
    return cell;
  }

  map<Shown>(show: (value: Value) => Shown): { readonly labels: Labels; readonly value: Shown }[] {
    return [...this.#points.values()].map(({ labels, cell }) => ({ labels, value: show(cell.value) }));
  }
}

/** Counts things. */
export class CountFamily {
  readonly #name: MetricName;
  readonly #points: Points<number>;

  constructor(name: MetricName, labelNames: readonly string[]) {
    this.#name = name;
    this.#points = new Points(labelNames, () => 0);
  }

  add(key: string, count: number): void {
    this.#points.at(key).value += count;
  }

  show(): Metric {
    return { ...this.#name, kind: 'sum', points: this.#points.map((value) => value) };
  }
}

/** Adds money up, exactly; only what is shown is a float. */
export class MoneyFamily {
  readonly #name: MetricName;
  readonly #kind: 'sum' | 'signed';
  readonly #points: Points<PicoUsd>;

  constructor(name: MetricName, kind: 'sum' | 'signed', labelNames: readonly string[]) {
    this.#name = name;
    this.#kind = kind;
    this.#points = new Points(labelNames, () => 0n);
  }

  add(key: string, picoUsd: PicoUsd): void {
    this.#points.at(key).value += picoUsd;
  }

  show(): Metric {
    return { ...this.#name, kind: this.#kind, points: this.#points.map(toUsd) };
  }
}

/** Counts values by how large they are. */
export class HistogramFamily {
  readonly #name: MetricName;
  readonly #boundaries: readonly number[];
  readonly #points: Points<{ counts: number[]; sum: number; count: number }>;

  /** @param boundaries upper ends of the buckets, each within its own, ascending */
  constructor(name: MetricName, boundaries: readonly number[], labelNames: readonly string[]) {
    this.#name = name;
    this.#boundaries = boundaries;
    const counts = boundaries.length + 1;
    this.#points = new Points(labelNames, () => ({
      counts: Array.from({ length: counts }, () => 0),
      sum: 0,
      count: 0,
    }));
  }

  add(key: string, value: number): void {
    const { value: known } = this.#points.at(key);
    let bucket = 0;
    while (bucket < this.#boundaries.length && !(value <= (this.#boundaries[bucket] ?? 0))) bucket += 1;
    known.counts[bucket] = (known.counts[bucket] ?? 0) + 1;
    known.sum += value;
    known.count += 1;
  }

  show(): Metric {
    const boundaries = this.#boundaries;
    const points = this.#points.map(({ counts, sum, count }) => ({
      boundaries,
      counts: [...counts],
      sum,
      count,
    }));
    return { ...this.#name, kind: 'histogram', points };
  }
}
