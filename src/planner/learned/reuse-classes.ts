import { noCounts, type ReuseCounts } from './statistics.ts';

/** Classes of a generation; those that two of them did not ask for are forgotten. */
const GENERATION_MAX = 10_000;

/** Uses that are alike learn together: counts by the name of a class. */
export class ReuseClasses {
  #young = new Map<string, ReuseCounts>();
  #old = new Map<string, ReuseCounts>();
  #application = NaN;
  #byPopularity: (readonly ReuseCounts[])[] = [];

  /** Classes of what requests of an application share, by how popular it is; kept at hand for the latest application. */
  ofShared(application: number, popularity: number): readonly ReuseCounts[] {
    if (application !== this.#application) {
      this.#application = application;
      this.#byPopularity = [];
    }
    this.#byPopularity[popularity] ??= [
      this.get('shared'),
      this.get(`shared|${application}`),
      this.get(`shared|${application}|${popularity}`),
    ];
    return this.#byPopularity[popularity] ?? [];
  }

  get(name: string): ReuseCounts {
    const young = this.#young.get(name);
    if (young) return young;
    const counts = this.#old.get(name) ?? noCounts();
    if (this.#young.size >= GENERATION_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, counts);
    return counts;
  }
}

/** A power of two near a count: what is alike in size behaves alike. */
export function sizeClass(count: number): number {
  return Math.floor(Math.log2(Math.max(1, count)));
}
