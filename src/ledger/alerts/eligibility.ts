import { defaultCatalogue, resolveModel, totalInputTokens, type Catalogue } from '../../core/index.ts';
import type { RequestRecord } from '../record.ts';

const TTL_MS = { '5m': 5 * 60_000, '1h': 60 * 60_000 } as const;
/** Families remembered; the one that was heard of longest ago goes first. */
const FAMILIES_MAX = 10_000;

interface Known {
  /** When it was last written to or read from. */
  atMs: number;
  ttlMs: number;
}

/**
 * Which requests count for the hit ratio: those that could have read. A request counts when another of the same family (scope,
 * model, path and tags) wrote or read the cache at most one TTL before it began, and when it is long enough to be cached.
 * So a first request of the day, one after a long pause, and one that is too short neither raise nor lower the ratio.
 */
export class Eligibility {
  readonly #catalogue: Catalogue;
  readonly #families = new Map<string, Known>();
  #newest: Known | null = null;

  constructor(catalogue: Catalogue = defaultCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Takes a record in; was it one that could have read? */
  observe(record: RequestRecord): boolean {
    const { usage, atMs, model } = record;
    if (!usage) return false;
    const tags = record.tags.length === 0 ? '' : `\n${record.tags.join('\n')}`;
    const key = `${record.scope}\n${model}\n${record.path}${tags}`;
    const known = this.#families.get(key);
    const couldRead = known !== undefined && Math.abs(atMs - known.atMs) <= known.ttlMs;
    const isLong = totalInputTokens(usage) >= resolveModel(model, this.#catalogue).facts.minCacheableTokens;
    const usesCache = usage.readTokens + usage.write5mTokens + usage.write1hTokens > 0;
    if (usesCache) this.#remember(key, known, usage.write1hTokens > 0, atMs);
    return couldRead && isLong;
  }

  #remember(key: string, known: Known | undefined, hasWritten1h: boolean, atMs: number): void {
    // An hour's entry that is read stays one of an hour.
    const keeps1h = known?.ttlMs === TTL_MS['1h'] && Math.abs(atMs - known.atMs) <= TTL_MS['1h'];
    const ttlMs = hasWritten1h || keeps1h ? TTL_MS['1h'] : TTL_MS['5m'];
    if (known && known === this.#newest) {
      Object.assign(known, { atMs, ttlMs });
      return;
    }
    this.#newest = { atMs, ttlMs };
    if (known) this.#families.delete(key);
    this.#families.set(key, this.#newest);
    if (this.#families.size <= FAMILIES_MAX) return;
    const [oldest] = this.#families.keys();
    if (oldest !== undefined) this.#families.delete(oldest);
  }
}
