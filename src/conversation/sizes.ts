import { estimateBlock, type JsonObject, type ModelFacts, type TokenEstimate } from '../core/index.ts';
import type { HistoryMessage } from './message.ts';
import type { Settings } from './settings.ts';

/** Tokens of blocks by estimate; each block is estimated once, since blocks are never changed. */
export class Sizes {
  readonly #known = new WeakMap<JsonObject, TokenEstimate>();
  readonly #facts: ModelFacts;

  constructor(facts: ModelFacts) {
    this.#facts = facts;
  }

  of(block: JsonObject): TokenEstimate {
    const known = this.#known.get(block);
    if (known) return known;
    const estimate = estimateBlock(block, this.#facts.tokenizer);
    this.#known.set(block, estimate);
    return estimate;
  }

  sum(blocks: readonly JsonObject[], edge: keyof TokenEstimate = 'tokens'): number {
    return blocks.reduce((total, block) => total + this.of(block)[edge], 0);
  }

  sumMessages(messages: readonly HistoryMessage[], edge: keyof TokenEstimate = 'tokens'): number {
    return messages.reduce((total, { content }) => total + this.sum(content, edge), 0);
  }

  /** The most that a prompt grows by where other tools and system text take the place of these; below 0: it shrinks. */
  growth(before: Settings, after: Settings): number {
    const overhead = this.pinned({ ...after, system: [] }, 'high') - this.sum(after.tools, 'high');
    const added = before.tools.length === 0 ? overhead : 0;
    return (['tools', 'system'] as const)
      .filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]))
      .reduce((sum, part) => sum + this.sum(after[part], 'high') - this.sum(before[part], 'low'), added);
  }

  /** What stands before the messages, with what the service adds where there are tools (spec 9.6). */
  pinned({ tools, system }: Settings, edge: keyof TokenEstimate = 'tokens'): number {
    const overhead = tools.length > 0 && edge !== 'low' ? this.#facts.toolOverhead.autoTokens : 0;
    return this.sum(tools, edge) + this.sum(system, edge) + overhead;
  }
}
