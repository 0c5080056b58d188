import { applyFactors, makeEstimate, type TokenEstimate, type TokenizerGeneration } from './profiles.ts';
import { TOKEN } from './run-tokens.ts';
import { CONTENT_CLASSES, emptySums, type ClassSums } from './tally.ts';

/** What a block has been charged so far: text by class, and tokens that no tokenizer changes, such as images. */
export class Charge {
  readonly sums: ClassSums = emptySums();
  private tokens = 0;
  private low = 0;
  private high = 0;

  /** Adds tokens that are the same for every tokenizer. */
  addFixed(estimate: TokenEstimate): void {
    this.tokens += estimate.tokens;
    this.low += estimate.low;
    this.high += estimate.high;
  }

  /** Adds text that was charged apart. */
  addSums(sums: ClassSums): void {
    for (const name of CONTENT_CLASSES) this.sums[name] += sums[name];
  }

  /** The whole for one tokenizer generation. */
  settle(generation: TokenizerGeneration): TokenEstimate {
    const { tokens, low, high } = applyFactors(this.sums, generation);
    return makeEstimate(tokens / TOKEN + this.tokens, low / TOKEN + this.low, high / TOKEN + this.high);
  }
}

/** A fixed amount that is known only roughly: between a share of it and a multiple. */
export function makeRough(tokens: number, lowShare: number, highShare: number): TokenEstimate {
  return makeEstimate(tokens, tokens * lowShare, tokens * highShare);
}
