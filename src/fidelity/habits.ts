import type { UsageFormCall } from '../logs/index.ts';
import { conversationKey } from './calls.ts';
import type { FidelityParameters } from './parameters.ts';

/** Answers with at least this many characters of thinking are billed for more than stays in the history. */
const LONG_THINKING_CHARACTERS = 260;

/** Below this a counter is the placeholder that a stream begins with. */
const PLACEHOLDER_TOKENS = 20;

function characters(call: UsageFormCall, kind: string): number {
  return call.answered.reduce((sum, part) => sum + (part.kind === kind ? part.characters : 0), 0);
}

/** Is the recorded output the whole answer's, not the first event's placeholder? */
function isOutputReal(call: UsageFormCall, parameters: FidelityParameters): boolean {
  const all = call.answered.reduce((sum, part) => sum + part.characters, 0);
  return (
    call.usage.outputTokens > PLACEHOLDER_TOKENS &&
    call.usage.outputTokens >= parameters.leastTokensPerCharacter * all
  );
}

/** What was added, as far as it tells which command of the client it was: sizes of the first two of several texts. */
function shapeOf(call: UsageFormCall): string | null {
  const [first, second] = call.added;
  if (first?.kind !== 'text' || second?.kind !== 'text') return null;
  return `${first.characters}/${second.characters}`;
}

/** Does the call follow a finished answer with new text? Then clients may have asked in the background meanwhile. */
export function followsAnswer(before: UsageFormCall, call: UsageFormCall): boolean {
  return call.added[0]?.kind === 'text' && before.answered.at(-1)?.kind === 'text';
}

/** What earlier lines teach about clients: which additions lose the history, and what background calls cache. */
export class Habits {
  readonly #parameters: FidelityParameters;
  readonly #losses = new Map<string, { calls: number; losses: number }>();
  readonly #extensions = new Map<string, Map<number, number>>();
  /** By conversation: was the last finished answer cached by the time new text followed? */
  readonly #isExtended = new Map<string, boolean>();

  constructor(parameters: FidelityParameters) {
    this.#parameters = parameters;
  }

  /** How likely an addition of this shape loses the history. */
  lossShare(call: UsageFormCall): number {
    const shape = shapeOf(call);
    if (shape === null) return 0;
    const seen = this.#losses.get(shape) ?? { calls: 0, losses: 0 };
    return (seen.losses + this.#parameters.priorLoss) / (seen.calls + 1);
  }

  learnLoss(call: UsageFormCall, isLost: boolean): void {
    const shape = shapeOf(call);
    if (shape === null) return;
    const seen = this.#losses.get(shape) ?? { calls: 0, losses: 0 };
    this.#losses.set(shape, { calls: seen.calls + 1, losses: seen.losses + (isLost ? 1 : 0) });
  }

  /**
   * How many tokens beyond its own end the answer is most likely cached when new text follows: a background call
   * (a suggestion, a title) repeats the conversation with the answer. 0 where the answer's size is not recorded.
   */
  extensionTokens(before: UsageFormCall): number {
    if (!isOutputReal(before, this.#parameters)) return 0;
    if (this.#isExtended.get(conversationKey(before)) === false) return 0;
    const counts = this.#extensions.get(this.#answerKey(before)) ?? new Map<number, number>();
    const [best] = [...counts].toSorted(([, a], [, b]) => b - a);
    if (!best || best[0] === -Infinity) return 0;
    return Math.max(0, before.usage.outputTokens + best[0]);
  }

  /** Learns what was read beyond the end of `before`. */
  learnExtension(before: UsageFormCall, tokens: number): void {
    this.#isExtended.set(conversationKey(before), tokens > 0);
    if (!isOutputReal(before, this.#parameters)) return;
    const key = this.#answerKey(before);
    const counts = this.#extensions.get(key) ?? new Map<number, number>();
    this.#extensions.set(key, counts);
    const beyond = tokens > 0 ? tokens - before.usage.outputTokens : -Infinity;
    counts.set(beyond, (counts.get(beyond) ?? 0) + 1);
  }

  #answerKey(before: UsageFormCall): string {
    const thinking = characters(before, 'thinking');
    const depth = thinking === 0 ? 'none' : thinking < LONG_THINKING_CHARACTERS ? 'short' : 'long';
    return `${before.model}/${depth}`;
  }
}
