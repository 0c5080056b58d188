import { PrefixInterner } from './prefix-interner.ts';
import { RecordProblem } from './record-fields.ts';
import { RequestTable, type RequestRow } from './request-table.ts';
import { NO_PREFIX, type BadLine, type Trace } from './trace.ts';

/** What a trace is, besides its requests. */
export interface TraceFacts {
  readonly name: string;
  readonly format: Trace['format'];
  readonly hasLookbackLimit: boolean;
  /** Moves the first request to time 0: for sources that give the time of day. @default false */
  readonly startsAtZero?: boolean;
  readonly badLines?: { readonly count: number; readonly examples: readonly BadLine[] };
}

const MODELS_MAX = 256;

/**
 * Collects a trace: prefixes become numbers as they are seen, requests rows of columns.
 *
 * @example
 * const builder = new TraceBuilder();
 * const system = builder.intern(builder.root(''), 1, 9000);
 * builder.add({ startMs: 0, timeToFirstTokenMs: 800, prefixId: system, systemEnd: system });
 * const trace = builder.finish({ name: 'one', format: 'requests', hasLookbackLimit: true });
 */
export class TraceBuilder {
  readonly #prefixes = new PrefixInterner();
  readonly #requests: RequestTable;
  readonly #roots = new Map<string, number>();
  readonly #models = new Map<string, number>();

  constructor(expectedRequests?: number) {
    this.#requests = new RequestTable(expectedRequests);
  }

  get prefixCount(): number {
    return this.#prefixes.count;
  }

  get requestCount(): number {
    return this.#requests.count;
  }

  /** The root of what can share a cache, by name; it is a parent for first blocks, and no prefix itself. */
  root(name: string): number {
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    const root = NO_PREFIX - this.#roots.size;
    this.#roots.set(name, root);
    return root;
  }

  /** The number of a model. @throws RecordProblem above 256 models */
  model(name: string): number {
    const known = this.#models.get(name);
    if (known !== undefined) return known;
    if (this.#models.size === MODELS_MAX)
      throw new RecordProblem(`more than ${MODELS_MAX} models in one trace`);
    this.#models.set(name, this.#models.size);
    return this.#models.size - 1;
  }

  /**
   * The prefix that adds one block to a prefix or a root. `key` is a safe integer that names the block, or the whole
   * prefix. Tokens and lookback position (default: one after the parent's) are those of the first time.
   */
  intern(parent: number, key: number, tokens: number, position?: number): number {
    return this.#prefixes.intern(parent, key, tokens, position);
  }

  /** Tokens up to and including the prefix; 0 for a root. */
  cumulativeTokens(prefixId: number): number {
    return this.#prefixes.cumulativeTokens(prefixId);
  }

  /** Brings down the time to first token of a request, by the order of adding, when later ones show that it was shorter. */
  limitTimeToFirstToken(request: number, mostMs: number): void {
    this.#requests.limitTimeToFirstToken(request, mostMs);
  }

  /** Adds a request, in any order of time. */
  add(row: RequestRow): void {
    this.#requests.add(row);
  }

  /** The trace. The builder is done with after that. */
  finish({ startsAtZero = false, badLines = { count: 0, examples: [] }, ...facts }: TraceFacts): Trace {
    return {
      ...facts,
      badLines,
      trie: this.#prefixes.toTrie(),
      requests: this.#requests.finish(startsAtZero),
      models: this.#models.size > 0 ? [...this.#models.keys()] : [''],
    };
  }
}
