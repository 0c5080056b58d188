import { pathText, type Level, type Ttl } from '../../core/index.ts';
import type { Sighting } from './tally.ts';
import { tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** Requests with a marker before it can be said that nothing is ever read at it. */
const MARKED_MIN = 20;

interface LevelUse {
  path: string;
  marked: number;
  useful: number;
  writtenTokens: number;
  premiumPicoUsd: number;
}

/** What the client's own markers at the end of each level brought. */
export class MarkerUse {
  readonly #levels = new Map<Level, LevelUse>();

  /** Takes note of one request's markers: one at a level is of use where more is read than up to the one before it. */
  note(request: WatchedRequest): void {
    const { breakpoints, hitIndex } = request.client;
    const last = new Map<Level, { index: number; ttl: Ttl }>();
    for (const { blockIndex, ttl } of breakpoints) {
      const level = request.blocks[blockIndex]?.level;
      if (level) last.set(level, { index: blockIndex, ttl });
    }
    let previous = -1;
    for (const [level, { index, ttl }] of last) {
      const use = this.#useOf(level);
      const isUseful = hitIndex > previous;
      const writes = tokensUpTo(request, index) >= request.minCacheableTokens && hitIndex < index;
      const written = writes
        ? tokensUpTo(request, index) - tokensUpTo(request, Math.max(previous, hitIndex))
        : 0;
      const { uncachedPicoUsd, write5mPicoUsd, write1hPicoUsd } = request.rates;
      use.path = pathText(request.blocks[index]?.path ?? []);
      use.marked += 1;
      use.useful += isUseful ? 1 : 0;
      use.writtenTokens += written;
      use.premiumPicoUsd = (ttl === '1h' ? write1hPicoUsd : write5mPicoUsd) - uncachedPicoUsd;
      previous = index;
    }
  }

  #useOf(level: Level): LevelUse {
    const known = this.#levels.get(level);
    if (known) return known;
    const made = { path: level, marked: 0, useful: 0, writtenTokens: 0, premiumPicoUsd: 0 };
    this.#levels.set(level, made);
    return made;
  }

  /** Markers at which nothing was ever read, with what writing them cost beyond not writing. */
  wasted(): readonly { readonly sighting: Sighting; readonly marked: number }[] {
    return [...this.#levels.values()]
      .filter(({ marked, useful }) => marked >= MARKED_MIN && useful === 0)
      .map(({ path, marked, writtenTokens, premiumPicoUsd }) => ({
        sighting: {
          code: 'breakpoint-never-read',
          path,
          lostTokens: writtenTokens,
          picoUsdPerToken: premiumPicoUsd,
        },
        marked,
      }));
  }
}
