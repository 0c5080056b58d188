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

/** What a family is told by. */
interface FamilyKey {
  readonly scope: string;
  readonly model: string;
  readonly path: string;
  readonly tags: string;
  /** All of it. */
  readonly text: string;
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
  /** Of the newest; traffic of one kind asks for it again and again. */
  #newestKey: FamilyKey | null = null;

  constructor(catalogue: Catalogue = defaultCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Takes a record in; was it one that could have read? */
  observe(record: RequestRecord): boolean {
    const { usage, atMs, model } = record;
    if (!usage) return false;
    const key = this.#keyOf(record);
    const known = key === this.#newestKey ? (this.#newest ?? undefined) : this.#families.get(key.text);
    const couldRead = known !== undefined && Math.abs(atMs - known.atMs) <= known.ttlMs;
    const isLong = totalInputTokens(usage) >= resolveModel(model, this.#catalogue).facts.minCacheableTokens;
    const usesCache = usage.readTokens + usage.write5mTokens + usage.write1hTokens > 0;
    if (usesCache) this.#remember(key, known, usage.write1hTokens > 0, atMs);
    return couldRead && isLong;
  }

  #keyOf({ scope, model, path, tags }: RequestRecord): FamilyKey {
    const newest = this.#newestKey;
    const joined = tags.length === 0 ? '' : `\n${tags.join('\n')}`;
    const isNewest = newest?.scope === scope && newest.model === model && newest.path === path;
    if (isNewest && newest.tags === joined) return newest;
    return { scope, model, path, tags: joined, text: `${scope}\n${model}\n${path}${joined}` };
  }

  #remember(key: FamilyKey, known: Known | undefined, hasWritten1h: boolean, atMs: number): void {
    // An hour's entry that is read stays one of an hour.
    const keeps1h = known?.ttlMs === TTL_MS['1h'] && Math.abs(atMs - known.atMs) <= TTL_MS['1h'];
    const ttlMs = hasWritten1h || keeps1h ? TTL_MS['1h'] : TTL_MS['5m'];
    if (known && known === this.#newest) {
      known.atMs = atMs;
      known.ttlMs = ttlMs;
      return;
    }
    this.#newest = { atMs, ttlMs };
    this.#newestKey = key;
    if (known) this.#families.delete(key.text);
    this.#families.set(key.text, this.#newest);
    if (this.#families.size <= FAMILIES_MAX) return;
    const [oldest] = this.#families.keys();
    if (oldest !== undefined) this.#families.delete(oldest);
  }
}
