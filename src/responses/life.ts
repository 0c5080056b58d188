import type { EntryFacts } from './entry.ts';
import type { CallSettings } from './rules.ts';

/** Up to when an answer is given, ms since 1970 UTC. */
export interface Life {
  readonly freshUntilMs: number;
  readonly revalidateUntilMs: number;
}

/** The life of an entry for a caller: not longer than the caller's own settings have it, whoever stored it. */
export function lifeFor(facts: EntryFacts, { ttlMs, staleWhileRevalidateMs }: CallSettings): Life {
  const freshUntilMs = Math.min(facts.freshUntilMs, facts.createdMs + ttlMs);
  return {
    freshUntilMs,
    revalidateUntilMs: Math.min(facts.revalidateUntilMs, freshUntilMs + staleWhileRevalidateMs),
  };
}
