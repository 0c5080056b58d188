import type { RequestRecord } from './record.ts';

/**
 * Takes records of requests that are many and alike: hits of the exact-response tier, which are over in one go. What differs
 * from one to the next is a few numbers, and each still becomes a record of its own for whoever asks.
 */
export interface AlikeRecords {
  /**
   * A request that arrived then.
   *
   * @returns the id that its record will have; without an `end` before the next `begin` there is no record, and the next
   *   request may get that id
   */
  begin(atMs: number): string;
  /** The request of the last `begin` is over: `tookMs` after its arrival, which is when its first byte left too. */
  end(tookMs: number, facts: HitFacts): void;
}

/** What records of hits differ in beside their times. */
export interface HitFacts {
  readonly ageMs: number | null;
  /** Whole pico-dollars. */
  readonly savedPicoUsd: bigint | null;
  readonly savedMs: number | null;
}

/** What the record of one of them is, from what all of them have in common. */
export function alikeRecord(
  common: RequestRecord,
  id: string,
  atMs: number,
  tookMs: number,
  { ageMs, savedPicoUsd, savedMs }: HitFacts,
): RequestRecord {
  const { responses } = common;
  return {
    ...common,
    id,
    atMs,
    firstByteMs: tookMs,
    totalMs: tookMs,
    responses: responses && { ...responses, ageMs, savedPicoUsd, savedMs },
  };
}
