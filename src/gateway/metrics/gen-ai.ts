import { totalInputTokens } from '../../core/index.ts';
import type { RequestRecord } from '../../ledger/index.ts';
import { HistogramFamily, JoinedKeys, type Metric } from './families.ts';
import { errorTypeOf } from './label-values.ts';

/** Buckets that the conventions ask for. */
const TOKEN_BOUNDARIES = Array.from({ length: 14 }, (_none, power) => 4 ** power);
const DURATION_BOUNDARIES = Array.from({ length: 14 }, (_none, power) => 2 ** power / 100);
const FIRST_CHUNK_BOUNDARIES = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

const OPERATION = 'gen_ai.operation.name';
const PROVIDER = 'gen_ai.provider.name';
const MODEL = 'gen_ai.request.model';
const RESPONSE_MODEL = 'gen_ai.response.model';
const OPERATION_VALUES = 'chat\nanthropic';

/** The metrics of the GenAI conventions for clients (OpenTelemetry, status: development). */
export class GenAiMetrics {
  readonly #keys = new JoinedKeys();
  readonly #tokens = new HistogramFamily(
    {
      name: 'gen_ai.client.token.usage',
      description: 'Tokens of a request. Input includes what was read from the cache and written to it.',
      unit: '{token}',
    },
    TOKEN_BOUNDARIES,
    [OPERATION, PROVIDER, MODEL, RESPONSE_MODEL, 'gen_ai.token.type'],
  );
  readonly #duration = new HistogramFamily(
    {
      name: 'gen_ai.client.operation.duration',
      description: 'Time from the arrival of a request to the end of its answer.',
      unit: 's',
    },
    DURATION_BOUNDARIES,
    [OPERATION, PROVIDER, MODEL, RESPONSE_MODEL, 'error.type'],
  );
  readonly #firstChunk = new HistogramFamily(
    {
      name: 'gen_ai.client.operation.time_to_first_chunk',
      description: 'Time from the arrival of a request to the first byte of its answer.',
      unit: 's',
    },
    FIRST_CHUNK_BOUNDARIES,
    [OPERATION, PROVIDER, MODEL, RESPONSE_MODEL],
  );

  /**
   * What was answered from kept answers was no operation of a model, and is not counted here.
   *
   * @param responseModel as a label; empty where the answer named none
   */
  add(record: RequestRecord, model: string, responseModel: string): void {
    const { usage, totalMs, firstByteMs, responses } = record;
    if (responses?.outcome === 'hit' || responses?.outcome === 'collapsed') return;
    const key = this.#keys.of(this.#keys.of(OPERATION_VALUES, model), responseModel);
    if (usage) {
      this.#tokens.add(this.#keys.of(key, 'input'), totalInputTokens(usage));
      this.#tokens.add(this.#keys.of(key, 'output'), usage.outputTokens);
    }
    if (totalMs !== null) this.#duration.add(this.#keys.of(key, errorTypeOf(record)), totalMs / 1000);
    if (firstByteMs !== null) this.#firstChunk.add(key, firstByteMs / 1000);
  }

  show(): readonly Metric[] {
    return [this.#tokens.show(), this.#duration.show(), this.#firstChunk.show()];
  }
}
