import type { LifeTables, Table } from './life-tables.ts';

/** Classes of a generation; those that two of them did not ask for are forgotten. */
const GENERATION_MAX = 10_000;

/** Classes of tails that are kept at hand. */
const AT_HAND = 1024;

interface TailClasses {
  readonly kind: string;
  readonly size: number;
  readonly turns: number;
  readonly application: number;
  readonly tables: readonly Table[];
}

/** Uses that are alike learn together: life tables by the name of a class. */
export class ReuseClasses {
  readonly #tables: LifeTables;
  #young = new Map<string, Table>();
  #old = new Map<string, Table>();
  /** By table. */
  #names: (string | undefined)[] = [];
  #application = NaN;
  #byPopularity: (readonly Table[])[] = [];
  /** Classes of tails asked for of late: to put names together takes longer than to look them up. */
  #tails: (TailClasses | undefined)[] = [];

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

  /** Classes of the newest part of a request, the widest first. */
  ofTail(kind: string, size: number, turns: number, application: number): readonly Table[] {
    const slot = (size * 8 + turns + (application % 61) * 256 + kind.length * 32) % AT_HAND;
    const known = this.#tails[slot];
    const isIt = known?.kind === kind && known.size === size && known.turns === turns;
    if (isIt && known.application === application) return known.tables;
    const root = kind.split('|', 1)[0] ?? kind;
    const tables = [
      this.get(root),
      this.get(kind),
      this.get(`${kind}|${size}|${turns}`),
      this.get(`${kind}|${size}|of ${application}`),
    ];
    this.#tails[slot] = { kind, size, turns, application, tables };
    return tables;
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
    const forgotten = [...this.#old].filter(([name]) => !this.#young.has(name));
    return [...forgotten, ...this.#young];
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
    this.#tails = [];
  }
}

/** A power of two near a count: what is alike in size behaves alike. */
export function sizeClass(count: number): number {
  return Math.floor(Math.log2(Math.max(1, count)));
}
