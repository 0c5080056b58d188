/** What may be set for all requests, and otherwise for some of them. */
export interface CallSettings {
  /** How long an answer is given without asking, in ms. */
  readonly ttlMs: number;
  /** After that, how long it is given while a newer one is fetched, in ms. */
  readonly staleWhileRevalidateMs: number;
  /** After that, how long it is given where the upstream fails, in ms. */
  readonly staleIfErrorMs: number;
  /** `any`: requests of any temperature are eligible. */
  readonly temperatures: 'zero' | 'any';
  /** Server tools that are allowed, by their types without a date (`web_search`). */
  readonly serverTools: readonly string[];
  /** Keep refusals too. */
  readonly keepRefusals: boolean;
  /** Different answers that are kept for one request, and given at random. */
  readonly variants: number;
}

/**
 * What holds for some requests: those of which every member that is given is true. In patterns `*` stands for any
 * characters.
 *
 * @example { model: 'claude-haiku-*', tag: 'faq', ttlMs: 3_600_000, temperatures: 'any' }
 */
export interface ResponseRule extends Partial<Omit<CallSettings, 'ttlMs'>> {
  /** Pattern of the model as the request names it. */
  readonly model?: string;
  /** Pattern of the path, without the query. */
  readonly path?: string;
  /** One of the request's tags. */
  readonly tag?: string;
  /** The name that the caller gives its scope (`x-cachewright-scope`), or the scope as records show it. */
  readonly scope?: string;
  /** `off`: such requests are passed on. */
  readonly ttlMs: number | 'off';
}

/** What rules look at. */
export interface RuledRequest {
  readonly model: string;
  /** A path or a URL. */
  readonly target: string;
  readonly tags: readonly string[];
  /** All names of its scope. */
  readonly scopes: () => readonly string[];
}

/** What holds for a request; `off`: it is not answered from the cache unless it asks for that itself. */
export interface Ruling {
  readonly settings: CallSettings;
  readonly isOff: boolean;
}

interface ReadyRule {
  readonly isFor: (request: RuledRequest) => boolean;
  readonly ruling: Ruling;
}

function pathOf(target: string): string {
  const path = target.split('?')[0] ?? '';
  return URL.canParse(path) ? new URL(path).pathname : path;
}

function toPattern(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

function ready(rule: ResponseRule, usual: CallSettings): ReadyRule {
  const { model, path, tag, scope, ttlMs, ...settings } = rule;
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  const [modelPattern, pathPattern] = [toPattern(model ?? '*'), toPattern(path ?? '*')];
  const ttl = ttlMs === 'off' ? {} : { ttlMs };
  return {
    isFor: (request) =>
      modelPattern.test(request.model) &&
      pathPattern.test(pathOf(request.target)) &&
      (tag === undefined || request.tags.includes(tag)) &&
      (scope === undefined || request.scopes().includes(scope)),
    ruling: { settings: { ...usual, ...Object.fromEntries(given), ...ttl }, isOff: ttlMs === 'off' },
  };
}

/** Rules in their order, of which the first that is for a request holds; none: what is usual. */
export class Rules {
  readonly #rules: readonly ReadyRule[];
  readonly #usual: Ruling;

  constructor(rules: readonly ResponseRule[], usual: CallSettings, isOn: boolean) {
    this.#rules = rules.map((rule) => ready(rule, usual));
    this.#usual = { settings: usual, isOff: !isOn };
  }

  for(request: RuledRequest): Ruling {
    return this.#rules.find(({ isFor }) => isFor(request))?.ruling ?? this.#usual;
  }
}
