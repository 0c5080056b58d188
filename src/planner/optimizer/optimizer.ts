import {
  defaultCacheRules,
  defaultCatalogue,
  resolveModel,
  standardPricing,
  type CacheRules,
  type Catalogue,
  type PricingContext,
} from '../../core/index.ts';
import type { FamilyAdvice } from './advice.ts';
import { adviseFamily } from './advise-family.ts';
import { Family } from './family.ts';
import type { MeasuredRequest } from './measured-request.ts';

/** What an optimiser is told beforehand. */
export interface OptimizerOptions {
  /** Gives numbers in [0, 1), for the intervals. */
  readonly random: () => number;
  /** Kinds of places in prompt order. @default tools-end, system-end, documents-end, shared, tail */
  readonly places?: readonly string[];
  readonly catalogue?: Catalogue;
  readonly rules?: CacheRules;
  /** Prices of a request at a time. @default the Claude API's, of the day of the request */
  readonly pricingAt?: (atMs: number) => PricingContext;
  /** Newest requests that are kept of each family. @default 5,000 */
  readonly requestsMax?: number;
  /** Families that are kept: those recorded last. @default 200 */
  readonly familiesMax?: number;
}

/** Says from requests that were made whether caching pays for them, and how. */
export interface Optimizer {
  /**
   * Takes a request into account.
   *
   * @throws RangeError where it is older than the one before of its family, or has places that are unknown or out of order
   */
  record(request: MeasuredRequest): void;
  /** Advice for each family and model, the greatest saving first. */
  advise(): readonly FamilyAdvice[];
}

const PLACES = ['tools-end', 'system-end', 'documents-end', 'shared', 'tail'] as const;
/** Kinds of places whose choices can all be tried. */
const PLACES_MAX = 8;
const REQUESTS_MAX = 5000;
const FAMILIES_MAX = 200;

interface Known {
  readonly family: Family;
  readonly note: string | null;
}

function checkLimits(places: readonly string[], requestsMax: number, familiesMax: number): void {
  if (places.length > PLACES_MAX || new Set(places).size < places.length)
    throw new RangeError(`places must be at most ${PLACES_MAX} different names, got ${places.join(', ')}`);
  for (const [name, value] of Object.entries({ requestsMax, familiesMax })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a whole number from 1 on, got ${value}`);
  }
}

/**
 * An optimiser: records requests, and finds for each family of them the breakpoints and TTLs that would have cost least,
 * by sending the same requests through the model of the cache under every choice that the API accepts.
 *
 * @example
 * const advisor = optimizer({ random: Math.random });
 * for (const request of measureUsage(calls)) advisor.record(request);
 * advisor.advise()[0]?.breakpoints; // [{ place: 'tail', ttl: '5m' }]
 * @throws RangeError for more than eight kinds of places, or one twice, and for limits that are no whole numbers
 */
export function optimizer(options: OptimizerOptions): Optimizer {
  const { catalogue = defaultCatalogue, rules = defaultCacheRules, places = PLACES } = options;
  const { requestsMax = REQUESTS_MAX, familiesMax = FAMILIES_MAX } = options;
  checkLimits(places, requestsMax, familiesMax);
  const known = new Map<string, Known>();
  const find = ({ family: name, model }: MeasuredRequest): readonly [string, Known] => {
    const { facts, note } = resolveModel(model, catalogue);
    const key = JSON.stringify([name, facts.id]);
    const family = known.get(key) ?? {
      family: new Family(name, facts, { order: places, rules, requestsMax }),
      note,
    };
    return [key, family];
  };
  return {
    record(request) {
      const [key, found] = find(request);
      found.family.record(request);
      known.delete(key);
      known.set(key, found);
      if (known.size > familiesMax) known.delete(known.keys().next().value ?? '');
    },
    advise() {
      const pricingAt = options.pricingAt ?? standardPricing;
      const context = { order: places, rules, pricingAt, random: options.random };
      const advice = [...known.values()].map(({ family, note }) => adviseFamily(family, note, context));
      const savingOf = ({ month, measured }: FamilyAdvice): number =>
        month?.saving.usd ?? measured.withoutCachingUsd - measured.costUsd;
      return advice.toSorted((a, b) => savingOf(b) - savingOf(a));
    },
  };
}
