import { resolveModel, type Catalogue } from '../../core/index.ts';
import type { RequestRecord } from '../../ledger/index.ts';

/** What stands for every model that is not known: ids come from clients, and each would be a series of its own. */
const OTHER_MODEL = 'other';
/** Models that get a series of their own; a configuration may name many. */
const MODELS_MAX = 64;
/** Spellings that are remembered. */
const SPELLINGS_MAX = 1_000;

/** Names models as labels: ids of the catalogue, and `other`. */
export class ModelLabels {
  readonly #catalogue: Catalogue;
  readonly #bySpelling = new Map<string, string>();
  readonly #labels = new Set<string>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  of(model: string): string {
    const known = this.#bySpelling.get(model);
    if (known !== undefined) return known;
    const label = this.#resolve(model);
    if (this.#bySpelling.size < SPELLINGS_MAX) this.#bySpelling.set(model, label);
    return label;
  }

  #resolve(model: string): string {
    const { facts, note } = resolveModel(model, this.#catalogue);
    if (note !== null) return OTHER_MODEL;
    if (!this.#labels.has(facts.id) && this.#labels.size >= MODELS_MAX) return OTHER_MODEL;
    this.#labels.add(facts.id);
    return facts.id;
  }
}

/** By the first digit. */
const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];

/** `2xx` and so on; `none` where no answer came. */
export function statusClassOf(status: number): string {
  return STATUS_CLASSES[Math.floor(status / 100)] ?? 'none';
}

/** Errors that the API names (spec 1.6), and the one that happens at this end. */
const KNOWN_ERRORS: ReadonlySet<string> = new Set([
  'api_error',
  'authentication_error',
  'billing_error',
  'client_left',
  'invalid_request_error',
  'not_found_error',
  'overloaded_error',
  'permission_error',
  'rate_limit_error',
  'request_too_large',
  'timeout_error',
]);

/** `error.type`; empty where nothing went wrong. Texts of network errors hold addresses: they are `_OTHER`. */
export function errorTypeOf({ error, status }: RequestRecord): string {
  if (error === null) return status >= 400 || status === 0 ? '_OTHER' : '';
  return KNOWN_ERRORS.has(error) ? error : '_OTHER';
}
