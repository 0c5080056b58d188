import {
  billTokens,
  resolveModel,
  type CostParts,
  type ModelFacts,
  type PricingContext,
  type TokenCounts,
} from '../core/index.ts';
import type { LoggedCall } from '../logs/index.ts';
import { pricingOf, type BilledUsage } from '../wire/index.ts';

/** One billed step of a call: most have one, a call with server tools or compaction has several (spec 5.3). */
export interface Step {
  /** `other`: a step with a prompt of its own, such as an advisor's. */
  readonly kind: 'message' | 'compaction' | 'other';
  readonly model: ModelFacts;
  readonly tokens: TokenCounts;
  readonly pricing: PricingContext;
  readonly cost: CostParts;
}

/** Finds a model's facts, remembering what it found: a log names few models many times. */
export type FindModel = (id: string) => ModelFacts;

const MODELS_MAX = 1000;

export function createModelFinder(note: (sentence: string) => void): FindModel {
  const known = new Map<string, ModelFacts>();
  return (id) => {
    const found = known.get(id);
    if (found) return found;
    const resolved = resolveModel(id);
    if (resolved.note !== null) note(resolved.note);
    if (known.size >= MODELS_MAX) known.clear();
    known.set(id, resolved.facts);
    return resolved.facts;
  };
}

function kindOf(type: string): Step['kind'] {
  if (type === 'message') return 'message';
  return type === 'compaction' ? 'compaction' : 'other';
}

/** The steps that a call was billed for, at the prices of its day; where iterations are listed, these and not their sum. */
export function stepsOf(call: LoggedCall, usage: BilledUsage, findModel: FindModel): readonly Step[] {
  const model = findModel(call.model);
  const pricing = pricingOf(usage, call.atMs);
  if (call.recorded) return [{ kind: 'message', model, tokens: usage, pricing, cost: call.recorded.cost }];
  const iterations = usage.iterations ?? [];
  const { webSearchRequests } = usage.serverToolUse;
  if (iterations.length === 0) {
    const cost = billTokens(model, usage, pricing, webSearchRequests);
    return [{ kind: 'message', model, tokens: usage, pricing, cost }];
  }
  return iterations.map((tokens, index) => {
    const own = tokens.model === null ? model : findModel(tokens.model);
    const cost = billTokens(own, tokens, pricing, index === 0 ? webSearchRequests : 0);
    return { kind: kindOf(tokens.type), model: own, tokens, pricing, cost };
  });
}
