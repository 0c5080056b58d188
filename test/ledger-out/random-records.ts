import {
  billTokens,
  billUncached,
  defaultCatalogue,
  resolveModel,
  type TokenCounts,
} from '../../src/core/index.ts';
import { nothingKnown, type MissReason, type OwnCost, type RequestRecord } from '../../src/ledger/index.ts';
import { createId, seededRandom } from '../../src/runtime/index.ts';
import { pricingOf } from '../../src/wire/index.ts';
import { ownCostOf, recordOf, usageOf } from '../support/record.ts';

/** Sums that were kept while records were made, and by nothing of the ledger. */
export interface KnownSums {
  picoUsd: bigint;
  ownPicoUsd: bigint;
  noCachingPicoUsd: bigint;
  inputTokens: number;
  outputTokens: number;
  readTokens: number;
  unreported: number;
}

const FROM_MS = Date.UTC(2024, 8, 1);
const TO_MS = Date.UTC(2027, 5, 1);
const REASONS: readonly MissReason[] = ['expired', 'tools_changed', 'in_flight', 'never_written'];
/** What clients may send as tags, and network errors as texts. */
const HOSTILE = [
  '=cmd|"/c calc"!A0',
  '+1',
  '-2+3',
  '@SUM(A1)',
  '\tx',
  "'quoted",
  'plain',
  'a "b"',
  'ünïcode',
];

/** Repeatable records: all models, many days, every modifier of the price. */
export class RandomRecords {
  readonly sums: KnownSums = {
    picoUsd: 0n,
    ownPicoUsd: 0n,
    noCachingPicoUsd: 0n,
    inputTokens: 0,
    outputTokens: 0,
    readTokens: 0,
    unreported: 0,
  };
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** One record; about one in twenty without a usage. */
  request(): RequestRecord {
    const model = this.#pick(defaultCatalogue);
    const common = {
      id: createId('req', this.#random),
      atMs: FROM_MS + this.#whole(TO_MS - FROM_MS),
      model: model.id,
      tags: this.#whole(3) === 0 ? [this.#pick(HOSTILE)] : [],
      firstByteMs: this.#whole(20_000),
      totalMs: 20_000 + this.#whole(100_000),
    };
    if (this.#whole(20) === 0) {
      this.sums.unreported += 1;
      return recordOf({ ...common, status: 529, error: this.#pick([...HOSTILE, 'overloaded_error']) });
    }
    const tokens = this.#tokens();
    const usage = {
      ...usageOf(tokens),
      serviceTier: this.#pick(['standard', 'batch', 'priority', null]),
      speed: this.#pick(['standard', 'fast', null]),
      inferenceGeo: this.#pick(['us', 'global', null]),
    };
    const pricing = pricingOf(usage, common.atMs);
    const webSearches = this.#whole(3);
    const { facts } = resolveModel(model.id);
    const cost = billTokens(facts, tokens, pricing, webSearches);
    const uncached = billUncached(facts, tokens, pricing);
    const noCachingPicoUsd = uncached.totalPicoUsd + cost.serverToolsPicoUsd - cost.totalPicoUsd;
    this.sums.picoUsd += cost.totalPicoUsd;
    this.sums.noCachingPicoUsd += noCachingPicoUsd;
    this.#count(tokens);
    const savings = { noCachingPicoUsd, clientPicoUsd: -BigInt(this.#whole(1e9)), automaticPicoUsd: 0n };
    const miss = { reason: this.#pick(REASONS), tokens: 7, costPicoUsd: 3n, evidence: nothingKnown };
    return recordOf({ ...common, usage, cost, savings, misses: this.#whole(4) === 0 ? [miss] : [] });
  }

  /** One ping. */
  own(): OwnCost {
    const costPicoUsd = BigInt(this.#whole(1e12));
    this.sums.ownPicoUsd += costPicoUsd;
    return ownCostOf({
      id: createId('ping', this.#random),
      atMs: FROM_MS + this.#whole(TO_MS - FROM_MS),
      costPicoUsd,
    });
  }

  #tokens(): TokenCounts {
    const size = 10 ** this.#whole(7);
    return {
      uncachedTokens: this.#whole(size),
      readTokens: this.#whole(size * 3),
      write5mTokens: this.#whole(size),
      write1hTokens: this.#whole(size),
      outputTokens: this.#whole(64_000),
    };
  }

  #count({ uncachedTokens, readTokens, write5mTokens, write1hTokens, outputTokens }: TokenCounts): void {
    this.sums.inputTokens += uncachedTokens + readTokens + write5mTokens + write1hTokens;
    this.sums.readTokens += readTokens;
    this.sums.outputTokens += outputTokens;
  }

  #whole(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #pick<Thing>(things: readonly Thing[]): Thing {
    const thing = things[this.#whole(things.length)];
    if (thing === undefined) throw new RangeError('there is nothing to pick from');
    return thing;
  }
}
