import type { UsageFormCall } from '../logs/index.ts';
import { conversationKey, endTokens, gapMs } from './calls.ts';

/** How long the one-line predictor believes entries to live. */
const LIFE_5M_MS = 315_000;
const LIFE_1H_MS = 3_600_000;

/**
 * The one-line predictor that a model of the cache has to beat: what the previous call of the conversation read and
 * wrote while the gap is within its TTL and the model is the same, else what the conversation's first call read.
 * A call of unknown time counts as one after the TTL.
 */
export class OneLinePredictor {
  readonly #previous = new Map<string, UsageFormCall>();
  readonly #firstReads = new Map<string, number>();

  /** Read tokens expected of the call; remembers the call for those after it. */
  predict(call: UsageFormCall): number {
    const key = conversationKey(call);
    const before = this.#previous.get(key);
    this.#previous.set(key, call);
    if (!before) {
      this.#firstReads.set(key, call.usage.readTokens);
      return 0;
    }
    const wroteOnly1h = before.usage.write1hTokens > 0 && before.usage.write5mTokens === 0;
    const lifeMs = wroteOnly1h ? LIFE_1H_MS : LIFE_5M_MS;
    const isAlive = call.requestS !== null && gapMs(before, call) <= lifeMs;
    return isAlive && before.model === call.model ? endTokens(before) : (this.#firstReads.get(key) ?? 0);
  }
}
