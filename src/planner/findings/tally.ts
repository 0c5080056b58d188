import type { PicoUsd } from '../../core/index.ts';
import type { ChangedRange, TrafficFindingCode } from './finding.ts';

/** One sighting of a culprit. */
export interface Sighting {
  readonly code: TrafficFindingCode;
  readonly path: string | null;
  readonly ranges?: readonly ChangedRange[];
  readonly moved?: readonly string[];
  readonly ttl?: '5m' | '1h' | null;
  readonly lostTokens: number;
  /** Pico-dollars that each of them cost beyond reading it. */
  readonly picoUsdPerToken: number;
}

/** All sightings of one culprit. */
export interface Tally {
  readonly sighting: Required<Omit<Sighting, 'lostTokens' | 'picoUsdPerToken'>>;
  readonly seen: number;
  /** Requests that were looked at and in which it was seen; each may stand for several. */
  readonly sightings: number;
  readonly lostTokens: number;
  readonly costPicoUsd: PicoUsd;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Culprits of one application that are told apart; of more, the one not seen for the longest time is forgotten. */
const TALLIES_MAX = 32;

/** Counts culprits. */
export class Tallies {
  readonly #byKey = new Map<string, Tally>();

  /** Counts a sighting that stands for so many requests. */
  add(sighting: Sighting, weight: number, atMs: number): void {
    const { code, path, ranges = [], moved = [], ttl = null } = sighting;
    const key = JSON.stringify([code, path, ttl]);
    const known = this.#byKey.get(key) ?? {
      sightings: 0,
      seen: 0,
      lostTokens: 0,
      costPicoUsd: 0n,
      firstMs: atMs,
      lastMs: atMs,
    };
    const lostTokens = Math.round(sighting.lostTokens) * weight;
    this.#byKey.delete(key);
    this.#byKey.set(key, {
      sighting: { code, path, ranges, moved, ttl },
      seen: known.seen + weight,
      sightings: known.sightings + 1,
      lostTokens: known.lostTokens + lostTokens,
      costPicoUsd: known.costPicoUsd + BigInt(lostTokens) * BigInt(sighting.picoUsdPerToken),
      firstMs: known.firstMs,
      lastMs: Math.max(atMs, known.lastMs),
    });
    if (this.#byKey.size > TALLIES_MAX) this.#byKey.delete(this.#byKey.keys().next().value ?? '');
  }

  list(): readonly Tally[] {
    return [...this.#byKey.values()];
  }
}
