import { noCounts, type ReuseCounts } from './statistics.ts';

/** Classes remembered; those not asked for the longest go first. */
const CLASSES_MAX = 20_000;

/** Uses that are alike learn together: counts by the name of a class. */
export class ReuseClasses {
  readonly #byName = new Map<string, ReuseCounts>();

  get(name: string): ReuseCounts {
    const known = this.#byName.get(name);
    if (known) return known;
    const counts = noCounts();
    this.#byName.set(name, counts);
    if (this.#byName.size > CLASSES_MAX) this.#byName.delete(this.#byName.keys().next().value ?? '');
    return counts;
  }
}

/** A power of two near a count: what is alike in size behaves alike. */
export function sizeClass(count: number): number {
  return Math.floor(Math.log2(Math.max(1, count)));
}
