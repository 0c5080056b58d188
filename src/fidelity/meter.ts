import type { UsageFormCall } from '../logs/index.ts';
import { OneLinePredictor } from './baseline.ts';
import { conversationKey, writtenTtl } from './calls.ts';
import { classifyMiss, MissTable, type MissRow } from './misses.ts';
import { defaultFidelityParameters, type FidelityParameters } from './parameters.ts';
import { Predictor } from './predictor.ts';
import { Reliability, type ReliabilityBin } from './reliability.ts';
import { ScoreCard, type Score } from './score.ts';

/** A predictor's score and the one-line predictor's on the same calls. */
export interface Comparison {
  readonly model: Score;
  readonly baseline: Score;
}

/** What a file says about the model of the cache. */
export interface FidelityResult extends Comparison {
  /** The same for the two halves of the sessions, each predicted from its own lines alone. */
  readonly halves: readonly [Comparison, Comparison];
  readonly reliability: readonly ReliabilityBin[];
  readonly misses: readonly MissRow[];
}

/** One predictor and the baseline side by side. */
class Contest {
  readonly #predictor: Predictor;
  readonly #baseline = new OneLinePredictor();
  readonly #modelCard = new ScoreCard();
  readonly #baselineCard = new ScoreCard();

  constructor(parameters: FidelityParameters) {
    this.#predictor = new Predictor(parameters);
  }

  add(call: UsageFormCall): ReturnType<Predictor['predict']> {
    const prediction = this.#predictor.predict(call);
    this.#predictor.observe(call);
    this.#modelCard.add(prediction.readTokens, call.usage.readTokens);
    this.#baselineCard.add(this.#baseline.predict(call), call.usage.readTokens);
    return prediction;
  }

  result(): Comparison {
    return { model: this.#modelCard.score(), baseline: this.#baselineCard.score() };
  }
}

/**
 * Measures how well the model of the cache predicts real calls: give it every call of a file in order.
 *
 * @example
 * const meter = new FidelityMeter();
 * for (const call of calls) meter.add(call);
 * meter.result().model.exact; // 0.94
 */
export class FidelityMeter {
  readonly #whole: Contest;
  readonly #halves: readonly [Contest, Contest];
  readonly #reliability: Reliability;
  readonly #misses = new MissTable();
  readonly #last = new Map<string, UsageFormCall>();

  constructor(parameters: FidelityParameters = defaultFidelityParameters) {
    this.#whole = new Contest(parameters);
    this.#halves = [new Contest(parameters), new Contest(parameters)];
    this.#reliability = new Reliability(parameters);
  }

  add(call: UsageFormCall): void {
    const before = this.#last.get(conversationKey(call)) ?? null;
    this.#last.set(conversationKey(call), call);
    const prediction = this.#whole.add(call);
    this.#halves[halfOf(call.session)].add(call);
    if (before) this.#reliability.add(before, call, writtenTtl(before) ?? '5m');
    const error = Math.abs(prediction.readTokens - call.usage.readTokens);
    if (error > 0) this.#misses.add(classifyMiss(prediction, call, before), error);
  }

  result(): FidelityResult {
    const [first, second] = this.#halves;
    return {
      ...this.#whole.result(),
      halves: [first.result(), second.result()],
      reliability: this.#reliability.bins(),
      misses: this.#misses.rows(),
    };
  }
}

/** Sessions are dealt to two halves by their names, so that the same file always gives the same halves. */
function halfOf(session: string): 0 | 1 {
  let sum = 7;
  for (const character of session) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return sum % 2 === 0 ? 0 : 1;
}
