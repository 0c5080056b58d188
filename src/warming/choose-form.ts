import { isObject, type JsonObject } from '../core/index.ts';
import { dropMembers, setMember } from './edit-body.ts';
import type { WarmRefusal } from './prompt.ts';

/**
 * What may be done for a prompt that `max_tokens: 0` cannot warm (spec 1.6): `cheap` pays for one token of output, `any`
 * for as many as it takes, `none` for none.
 */
export type Fallback = 'cheap' | 'any' | 'none';

/** How a prompt is sent. */
export interface WarmForm {
  readonly body: JsonObject;
  /** The most that the answer can have. */
  readonly maxTokens: number;
  /** Why it is not 0; null where it is. */
  readonly whyNotZero: string | null;
}

interface Exclusion {
  readonly why: string;
  /** Tokens of output that the request must allow; null where no form of it is safe to send. */
  readonly outputTokens: number | null;
  readonly code: WarmRefusal['code'];
}

const CHEAP_TOKENS = 1;

function memberOf(body: JsonObject, name: string): JsonObject {
  return isObject(body[name]) ? body[name] : {};
}

function thinkingExclusion(body: JsonObject): Exclusion | null {
  const thinking = memberOf(body, 'thinking');
  if (thinking['type'] !== 'enabled') return null;
  const budget = thinking['budget_tokens'];
  // The budget must be smaller than max_tokens, and thinking may use all of it.
  const outputTokens =
    typeof budget === 'number' && Number.isSafeInteger(budget) && budget > 0 ? budget + 1 : null;
  return { why: 'thinking.type is "enabled"', outputTokens, code: 'thinking-enabled' };
}

/** What forbids `max_tokens: 0` and cannot be left out, since it is part of the prefix (spec 1.6, 6). */
function findExclusion(body: JsonObject): Exclusion | null {
  const format = memberOf(body, 'output_config')['format'] ?? body['output_format'] ?? null;
  const choice = memberOf(body, 'tool_choice')['type'];
  const needsOutput = { outputTokens: CHEAP_TOKENS, code: 'needs-output' } as const;
  if ((body['compaction'] ?? null) !== null) {
    return {
      why: 'it asks for compaction, which would write a summary',
      outputTokens: null,
      code: 'compaction',
    };
  }
  const thinking = thinkingExclusion(body);
  if (thinking) return thinking;
  if (format !== null) return { why: 'it asks for structured output', ...needsOutput };
  if (choice === 'any' || choice === 'tool') return { why: `tool_choice is "${choice}"`, ...needsOutput };
  return null;
}

/** Members that say how an answer is delivered: no part of the prefix (spec 1.2), and in the way. */
const DELIVERY_MEMBERS = ['stream', 'diagnostics'];

/** The form with one token of output, for a service that refuses `max_tokens: 0` itself. */
export function asCheapForm(form: WarmForm): WarmForm {
  return {
    body: setMember(form.body, 'max_tokens', CHEAP_TOKENS),
    maxTokens: CHEAP_TOKENS,
    whyNotZero: 'the service refuses max_tokens: 0',
  };
}

/** The cheapest form in which the API takes a body, or why there is none (spec 1.6, 10.2). */
export function chooseForm(
  body: JsonObject,
  fallback: Fallback,
): WarmForm | { readonly refusal: WarmRefusal } {
  const exclusion = findExclusion(body);
  const maxTokens = exclusion ? exclusion.outputTokens : 0;
  const most = { none: 0, cheap: CHEAP_TOKENS, any: Number.POSITIVE_INFINITY }[fallback];
  if (exclusion && (maxTokens === null || maxTokens > most)) {
    const cost = maxTokens === null ? '' : `, and another form pays for up to ${maxTokens} tokens of output`;
    return {
      refusal: { code: exclusion.code, message: `${exclusion.why}, so max_tokens: 0 is not possible${cost}` },
    };
  }
  const sent = setMember(dropMembers(body, DELIVERY_MEMBERS), 'max_tokens', maxTokens ?? 0);
  return { body: sent, maxTokens: maxTokens ?? 0, whyNotZero: exclusion?.why ?? null };
}
