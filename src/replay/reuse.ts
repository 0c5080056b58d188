import { NO_PREFIX, type PrefixTrie, type Trace } from './trace/trace.ts';

/** Tokens whose prefix was used again after a time in [`fromMs`, `toMs`). */
export interface ReuseBin {
  readonly fromMs: number;
  /** Infinity in the last bin. */
  readonly toMs: number;
  readonly tokens: number;
}

/** How soon prefixes are used again, weighted by the tokens of their last blocks. */
export interface ReuseHistogram {
  readonly bins: readonly ReuseBin[];
  /** Tokens of prefixes at their first use. */
  readonly firstTokens: number;
}

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;
/** Bins between 5 minutes and 1 hour, so that both are edges. */
const BINS_BETWEEN = 6;
const BINS_OUTSIDE = 14;

function logEdges(): readonly number[] {
  const ratio = (HOUR_MS / FIVE_MINUTES_MS) ** (1 / BINS_BETWEEN);
  const at = (index: number): number => FIVE_MINUTES_MS * ratio ** index;
  const edges = Array.from({ length: BINS_OUTSIDE * 2 + BINS_BETWEEN + 1 }, (_, index) =>
    at(index - BINS_OUTSIDE),
  );
  edges[BINS_OUTSIDE + BINS_BETWEEN] = HOUR_MS;
  return edges;
}

/** The number of edges at or below the gap. */
function binOf(edges: readonly number[], gapMs: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) <= gapMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Counts gaps as requests come. */
class ReuseCounter {
  readonly edges: readonly number[] = logEdges();
  readonly tokens: Float64Array = new Float64Array(this.edges.length + 1);
  firstTokens = 0;
  readonly #trie: PrefixTrie;
  readonly #lastMs: Float64Array;

  constructor(trie: PrefixTrie) {
    this.#trie = trie;
    this.#lastMs = new Float64Array(trie.count).fill(-1);
  }

  visit(prefixId: number, nowMs: number): void {
    const tokens = this.#trie.cumulativeTokens;
    for (let id = prefixId; id >= 0;) {
      const previousMs = this.#lastMs[id] ?? -1;
      const below = this.#touchRun(id, previousMs, nowMs);
      const runTokens = (tokens[id] ?? 0) - (below < 0 ? 0 : (tokens[below] ?? 0));
      this.#count(previousMs < 0 ? -1 : nowMs - previousMs, runTokens);
      id = below;
    }
  }

  /** Neighbours on a path mostly had their last use together: gives the first below that had not. */
  #touchRun(prefixId: number, previousMs: number, nowMs: number): number {
    const lastMs = this.#lastMs;
    let id = prefixId;
    while (id >= 0 && lastMs[id] === previousMs) {
      lastMs[id] = nowMs;
      id = this.#trie.parents[id] ?? NO_PREFIX;
    }
    return id;
  }

  #count(gapMs: number, tokens: number): void {
    if (gapMs < 0) {
      this.firstTokens += tokens;
      return;
    }
    const bin = binOf(this.edges, gapMs);
    this.tokens[bin] = (this.tokens[bin] ?? 0) + tokens;
  }
}

const PROGRESS_EVERY = 1 << 14;

/**
 * The gaps between one use of each prefix and the next, from about a second to two weeks in equal steps of the
 * logarithm; 5 minutes and 1 hour are edges.
 */
export function measureReuse(
  { requests, trie }: Trace,
  onProgress?: (doneRequests: number) => void,
): ReuseHistogram {
  const counter = new ReuseCounter(trie);
  for (let request = 0; request < requests.count; request += 1) {
    counter.visit(requests.prefixIds[request] ?? NO_PREFIX, requests.startMs[request] ?? 0);
    if (request % PROGRESS_EVERY === 0) onProgress?.(request);
  }
  onProgress?.(requests.count);
  const { edges, tokens, firstTokens } = counter;
  const bins = Array.from(tokens, (count, index) => ({
    fromMs: edges[index - 1] ?? 0,
    toMs: edges[index] ?? Infinity,
    tokens: count,
  }));
  return { bins, firstTokens };
}
