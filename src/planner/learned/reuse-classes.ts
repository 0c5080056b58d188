import type { LifeTables, Table } from './life-tables.ts';

/** Classes of a generation; those that two of them did not ask for are forgotten. */
const GENERATION_MAX = 10_000;

/** Uses that are alike learn together: life tables by the name of a class. */
export class ReuseClasses {
  readonly #tables: LifeTables;
  #young = new Map<string, Table>();
  #old = new Map<string, Table>();
  /** By table. */
  #names: (string | undefined)[] = [];
  #application = NaN;
  #byPopularity: (readonly Table[])[] = [];

  constructor(tables: LifeTables) {
    this.#tables = tables;
  }

  /** Classes of what requests of an application share, by how popular it is; kept at hand for the latest application. */
  ofShared(application: number, popularity: number): readonly Table[] {
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

  get(name: string): Table {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const table = this.#old.get(name) ?? this.#tables.add();
    this.#names[table] = name;
    if (this.#young.size >= GENERATION_MAX) this.#age();
    this.#young.set(name, table);
    return table;
  }

  /** The class that a table is of; undefined for one that is a run's own. */
  nameOf(table: Table): string | undefined {
    return this.#names[table];
  }

  /** What `fill` takes back: tables by name, each once. */
  written(): [string, Table][] {
    return [...new Map([...this.#old, ...this.#young])];
  }

  fill(entries: readonly (readonly [string, Table])[]): void {
    this.#young = new Map(entries);
    for (const [name, table] of entries) this.#names[table] = name;
  }

  #age(): void {
    for (const [name, table] of this.#old) {
      if (this.#young.has(name)) continue;
      this.#names[table] = undefined;
      this.#tables.remove(table);
    }
    this.#old = this.#young;
    this.#young = new Map();
    // Tables kept at hand may be among those that are forgotten next.
    this.#byPopularity = [];
  }
}

/** A power of two near a count: what is alike in size behaves alike. */
export function sizeClass(count: number): number {
  return Math.floor(Math.log2(Math.max(1, count)));
}
