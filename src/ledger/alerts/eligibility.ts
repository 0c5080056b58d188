import { defaultCatalogue, resolveModel, totalInputTokens, type Catalogue } from '../../core/index.ts';
import type { RequestRecord } from '../record.ts';

const TTL_MS = { '5m': 5 * 60_000, '1h': 60 * 60_000 } as const;
/** Families remembered; the one that was heard of longest ago goes first. */
const FAMILIES_MAX = 10_000;

interface Known {
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

  constructor(catalogue: Catalogue = defaultCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Takes a record in; was it one that could have read? */
  observe(record: RequestRecord): boolean {
    const { usage, atMs, model } = record;
    if (!usage) return false;
    const key = [record.scope, model, record.path, ...record.tags].join('\n');
    const known = this.#families.get(key);
    const couldRead = known !== undefined && Math.abs(atMs - known.atMs) <= known.ttlMs;
    const isLong = totalInputTokens(usage) >= resolveModel(model, this.#catalogue).facts.minCacheableTokens;
    const usesCache = usage.readTokens + usage.write5mTokens + usage.write1hTokens > 0;
    if (usesCache) this.#remember(key, usage.write1hTokens > 0, record);
    return couldRead && isLong;
  }

  #remember(key: string, hasWritten1h: boolean, { atMs }: RequestRecord): void {
    const known = this.#families.get(key);
    // An hour's entry that is read stays one of an hour.
    const keeps1h = known?.ttlMs === TTL_MS['1h'] && Math.abs(atMs - known.atMs) <= TTL_MS['1h'];
    this.#families.delete(key);
    this.#families.set(key, { atMs, ttlMs: hasWritten1h || keeps1h ? TTL_MS['1h'] : TTL_MS['5m'] });
    const [oldest] = this.#families.keys();
    if (this.#families.size > FAMILIES_MAX && oldest !== undefined) this.#families.delete(oldest);
  }
}
