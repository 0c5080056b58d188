import { isObject } from '../core/index.ts';
import { errorBody, invalidRequest, notFound, type ApiError } from './errors.ts';
import type { EmulatorService, IncomingRequest } from './service.ts';

/** Batches kept; the oldest go first. */
const BATCHES_MAX = 1_000;
/** Requests in one batch, as the API allows. */
const BATCH_REQUESTS_MAX = 100_000;
const DAY_MS = 86_400_000;

interface StoredBatch {
  readonly workspace: string;
  readonly createdMs: number;
  readonly id: string;
  readonly results: readonly BatchResult[];
}

interface BatchResult {
  readonly custom_id: string;
  readonly result: {
    readonly type: 'succeeded' | 'errored';
    readonly message?: unknown;
    readonly error?: unknown;
  };
}

/** A batch as the API shows it. */
export interface ShownBatch {
  readonly id: string;
  readonly [member: string]: unknown;
}

type Outcome = { readonly body: unknown } | { readonly error: ApiError };

/** Message batches: every request is answered when the batch is made, so a batch has always ended. */
export interface BatchService {
  create(request: IncomingRequest, nowMs: number, baseUrl: string): Outcome;
  /** Newest first. */
  list(workspace: string, baseUrl: string): readonly ShownBatch[];
  get(id: string, workspace: string, baseUrl: string): Outcome;
  /** One JSON document a line. */
  results(id: string, workspace: string): { readonly text: string } | { readonly error: ApiError };
  remove(id: string, workspace: string): Outcome;
  reset(): void;
}

/** RFC 3339 time from ms, without the ambient `Date`. */
type FormatTime = (timeMs: number) => string;

class StoredBatches implements BatchService {
  readonly #stored = new Map<string, StoredBatch>();
  readonly #service: EmulatorService;
  readonly #formatTime: FormatTime;

  constructor(service: EmulatorService, formatTime: FormatTime) {
    this.#service = service;
    this.#formatTime = formatTime;
  }

  create(request: IncomingRequest, nowMs: number, baseUrl: string): Outcome {
    const problem = batchProblem(request.body);
    if (problem) return { error: invalidRequest(problem) };
    const items =
      isObject(request.body) && Array.isArray(request.body['requests']) ? request.body['requests'] : [];
    const results = items.map((item) => this.#runItem(request, item));
    const id = this.#service.createId('msgbatch');
    const batch = { workspace: request.workspace, createdMs: nowMs, id, results };
    this.#stored.set(id, batch);
    const [oldest] = this.#stored.keys();
    if (this.#stored.size > BATCHES_MAX && oldest !== undefined) this.#stored.delete(oldest);
    return { body: this.#describe(batch, baseUrl) };
  }

  list(workspace: string, baseUrl: string): readonly ShownBatch[] {
    const own = [...this.#stored.values()].filter((batch) => batch.workspace === workspace).toReversed();
    return own.map((batch) => this.#describe(batch, baseUrl));
  }

  get(id: string, workspace: string, baseUrl: string): Outcome {
    const batch = this.#find(id, workspace);
    return batch ? { body: this.#describe(batch, baseUrl) } : missing(id);
  }

  results(id: string, workspace: string): { readonly text: string } | { readonly error: ApiError } {
    const batch = this.#find(id, workspace);
    if (!batch) return missing(id);
    return { text: batch.results.map((item) => `${JSON.stringify(item)}\n`).join('') };
  }

  remove(id: string, workspace: string): Outcome {
    if (!this.#find(id, workspace)) return missing(id);
    this.#stored.delete(id);
    return { body: { id, type: 'message_batch_deleted' } };
  }

  reset(): void {
    this.#stored.clear();
  }

  #describe(batch: StoredBatch, baseUrl: string): ShownBatch {
    const count = (type: string): number => batch.results.filter((item) => item.result.type === type).length;
    const created = this.#formatTime(batch.createdMs);
    return {
      id: batch.id,
      type: 'message_batch',
      processing_status: 'ended',
      request_counts: {
        processing: 0,
        succeeded: count('succeeded'),
        errored: count('errored'),
        canceled: 0,
        expired: 0,
      },
      created_at: created,
      ended_at: created,
      expires_at: this.#formatTime(batch.createdMs + DAY_MS),
      archived_at: null,
      cancel_initiated_at: null,
      results_url: `${baseUrl}/v1/messages/batches/${batch.id}/results`,
    };
  }

  #find(id: string, workspace: string): StoredBatch | null {
    const batch = this.#stored.get(id);
    return batch?.workspace === workspace ? batch : null;
  }

  #runItem(request: IncomingRequest, item: unknown): BatchResult {
    const fields = isObject(item) ? item : {};
    const outcome = this.#service.batchItem({ ...request, body: fields['params'] });
    const customId = String(fields['custom_id']);
    if ('message' in outcome)
      return { custom_id: customId, result: { type: 'succeeded', message: outcome.message } };
    const error = errorBody(outcome.error, this.#service.createId('req'));
    return { custom_id: customId, result: { type: 'errored', error } };
  }
}

function missing(id: string): { readonly error: ApiError } {
  return { error: notFound(`batch ${id.slice(0, 80)} not found`) };
}

/** Batches on a service; `formatTime` writes a time in ms as RFC 3339. */
export function createBatches(service: EmulatorService, formatTime: FormatTime): BatchService {
  return new StoredBatches(service, formatTime);
}

function batchProblem(body: unknown): string | null {
  const items = isObject(body) ? body['requests'] : null;
  if (!Array.isArray(items) || items.length === 0) return 'requests: at least one request is required';
  if (items.length > BATCH_REQUESTS_MAX) return `requests: at most ${BATCH_REQUESTS_MAX} are allowed`;
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (!isObject(item) || typeof item['custom_id'] !== 'string')
      return `requests.${index}.custom_id: Input should be a valid string`;
    if (!isObject(item['params'])) return `requests.${index}.params: Input should be an object`;
    if (seen.has(item['custom_id'])) return `requests.${index}.custom_id: must be unique within the batch`;
    seen.add(item['custom_id']);
  }
  return null;
}
