import type { EngineOptions } from './options.ts';

/** Was a request made by an earlier process so shortly before a time that what it wrote may still be there? */
export type HasPast = (atMs: number) => boolean;

/**
 * Asks the ledger, once, for the last request before this process: as long as an entry of it may live, a prompt of which
 * nothing is known here may have been sent all the same. A ledger that keeps nothing knows of none.
 */
export function watchPast({ ledger, clock, rules }: EngineOptions): HasPast {
  let lastMs = -Infinity;
  const ask = async (): Promise<void> => {
    try {
      const startMs = clock.nowMs();
      const [last] = await ledger.list(1);
      if (last && last.atMs <= startMs) lastMs = last.atMs;
    } catch {
      // A ledger that cannot be asked says nothing, and is told of elsewhere.
    }
  };
  void ask();
  return (atMs) => atMs < lastMs + Math.max(rules.ttlMs['5m'], rules.ttlMs['1h']) + rules.slackMs;
}
