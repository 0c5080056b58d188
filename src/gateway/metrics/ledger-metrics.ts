import { totalInputTokens } from '../../core/index.ts';
import { REUSE_BOUNDS_MS, reuseOf, type OwnCost, type RequestRecord } from '../../ledger/index.ts';
import { CountFamily, HistogramFamily, JoinedKeys, MoneyFamily, type Metric } from './families.ts';
import { statusClassOf } from './label-values.ts';

function count(name: string, description: string, unit: string, labelNames: readonly string[]): CountFamily {
  return new CountFamily({ name: `cachewright.${name}`, description, unit }, labelNames);
}

function money(
  name: string,
  kind: 'sum' | 'signed',
  description: string,
  labelNames: readonly string[],
): MoneyFamily {
  return new MoneyFamily({ name: `cachewright.${name}`, description, unit: 'USD' }, kind, labelNames);
}

/** Shortest waiting, and longest, that requests are held back for. */
const WAIT_BOUNDARIES = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics of what the ledger is told: the sums of a scrape are those of the ledger, since the process began. */
export class LedgerMetrics {
  readonly #keys = new JoinedKeys();
  readonly #requests = count('requests', 'Requests for a message.', '{request}', [
    'model',
    'mode',
    'status_class',
  ]);
  readonly #unbilled = count('unbilled_requests', 'Requests whose cost is not known.', '{request}', [
    'model',
  ]);
  readonly #tokens = count('tokens', 'Billed tokens by what is paid for them.', '{token}', ['model', 'kind']);
  readonly #readTokens = count('cache.read_tokens', 'Hit ratio, above the line: tokens read.', '{token}', [
    'model',
  ]);
  readonly #inputTokens = count(
    'cache.input_tokens',
    'Hit ratio, below the line: all input tokens.',
    '{token}',
    ['model'],
  );
  readonly #cost = money('cost_usd', 'sum', 'Billed, output included.', ['model']);
  readonly #uncachedCost = money(
    'uncached_cost_usd',
    'sum',
    'What the same requests would have cost without caching.',
    ['model'],
  );
  readonly #saved = money('saved_usd', 'signed', 'Saved against a counterfactual; negative is a loss.', [
    'model',
    'counterfactual',
  ]);
  readonly #ownRequests = count('own_requests', 'Requests that nobody asked for: pings.', '{request}', [
    'model',
    'purpose',
  ]);
  readonly #ownCost = money('own_cost_usd', 'sum', 'What they cost.', ['model', 'purpose']);
  readonly #misses = count('misses', 'Parts of prompts that were not read.', '{part}', ['reason']);
  readonly #missedTokens = count('missed_tokens', 'Tokens of these parts.', '{token}', ['reason']);
  readonly #missedCost = money('missed_cost_usd', 'sum', 'What they cost beyond reading them.', ['reason']);
  readonly #reuseAge = new HistogramFamily(
    {
      name: 'cachewright.reuse.age_seconds',
      description: 'How long after their last use prefixes were wanted again.',
      unit: 's',
    },
    REUSE_BOUNDS_MS.map((boundMs) => boundMs / 1000),
    ['outcome'],
  );
  readonly #responses = count('responses', 'What the tier of exact answers did.', '{request}', ['outcome']);
  readonly #responsesSaved = money('responses_saved_usd', 'signed', 'What answers from it would have cost.', [
    'outcome',
  ]);
  readonly #gateWait = new HistogramFamily(
    {
      name: 'cachewright.gate.wait_seconds',
      description: 'How long requests were held back while another wrote what they read.',
      unit: 's',
    },
    WAIT_BOUNDARIES,
    ['role', 'end'],
  );
  readonly #gateSaved = money('gate.saved_usd', 'signed', 'Saved by holding them back.', ['role']);

  /** Counts one request. */
  add(record: RequestRecord, model: string): void {
    const answered = this.#keys.of(record.mode, statusClassOf(record.status));
    this.#requests.add(this.#keys.of(model, answered), 1);
    this.#addUsage(record, model);
    this.#addMoney(record, model);
    for (const { reason, tokens, costPicoUsd } of record.misses) {
      this.#misses.add(reason, 1);
      this.#missedTokens.add(reason, tokens);
      this.#missedCost.add(reason, costPicoUsd);
    }
    this.#addReuse(record);
    const { responses, gate } = record;
    if (responses) {
      this.#responses.add(responses.outcome, 1);
      if (responses.savedPicoUsd !== null)
        this.#responsesSaved.add(responses.outcome, responses.savedPicoUsd);
    }
    if (gate) {
      this.#gateWait.add(this.#keys.of(gate.role, gate.end ?? ''), gate.waitedMs / 1000);
      this.#gateSaved.add(gate.role, gate.savedPicoUsd);
    }
  }

  /** Counts hits of the tier of exact answers that have all of a record in common but what each saved. */
  addHits(common: RequestRecord, model: string, hits: number, savedPicoUsd: bigint | null): void {
    const answered = this.#keys.of(common.mode, statusClassOf(common.status));
    this.#requests.add(this.#keys.of(model, answered), hits);
    this.#addMoney(common, model);
    this.#responses.add('hit', hits);
    if (savedPicoUsd !== null) this.#responsesSaved.add('hit', savedPicoUsd);
  }

  /** Counts one request of ours. */
  addOwn({ purpose, costPicoUsd }: OwnCost, model: string): void {
    const key = this.#keys.of(model, purpose);
    this.#ownRequests.add(key, 1);
    this.#ownCost.add(key, costPicoUsd);
  }

  show(): readonly Metric[] {
    return [
      this.#requests,
      this.#unbilled,
      this.#tokens,
      this.#readTokens,
      this.#inputTokens,
      this.#cost,
      this.#uncachedCost,
      this.#saved,
      this.#ownRequests,
      this.#ownCost,
      this.#misses,
      this.#missedTokens,
      this.#missedCost,
      this.#reuseAge,
      this.#responses,
      this.#responsesSaved,
      this.#gateWait,
      this.#gateSaved,
    ].map((family) => family.show());
  }

  #addUsage({ usage, cost }: RequestRecord, model: string): void {
    // Answers that were kept have a bill, of nothing, and no usage.
    if (!cost) this.#unbilled.add(model, 1);
    if (!usage) return;
    this.#tokens.add(this.#keys.of(model, 'uncached'), usage.uncachedTokens);
    this.#tokens.add(this.#keys.of(model, 'read'), usage.readTokens);
    this.#tokens.add(this.#keys.of(model, 'write_5m'), usage.write5mTokens);
    this.#tokens.add(this.#keys.of(model, 'write_1h'), usage.write1hTokens);
    this.#tokens.add(this.#keys.of(model, 'output'), usage.outputTokens);
    this.#readTokens.add(model, usage.readTokens);
    this.#inputTokens.add(model, totalInputTokens(usage));
  }

  #addReuse(record: RequestRecord): void {
    const { read, expired } = reuseOf(record);
    if (read?.ttl && read.ageMs !== null) this.#reuseAge.add(`read_${read.ttl}`, read.ageMs / 1000);
    if (expired && expired.ageMs !== null) this.#reuseAge.add('expired', expired.ageMs / 1000);
  }

  #addMoney({ cost, savings }: RequestRecord, model: string): void {
    if (cost) {
      this.#cost.add(model, cost.totalPicoUsd);
      // Only grows, so that it may be counted from one start of the process to the next, as what was saved may not.
      this.#uncachedCost.add(model, cost.totalPicoUsd + (savings?.noCachingPicoUsd ?? 0n));
    }
    if (!savings) return;
    this.#saved.add(this.#keys.of(model, 'no_caching'), savings.noCachingPicoUsd);
    this.#saved.add(this.#keys.of(model, 'client'), savings.clientPicoUsd);
    this.#saved.add(this.#keys.of(model, 'automatic'), savings.automaticPicoUsd);
  }
}
