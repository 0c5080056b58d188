import type { OpenQuestions } from '../cache/rules.ts';
import type { ModelFacts } from '../catalogue/types.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { RawBlock } from './raw-blocks.ts';

/** Tokens that the service adds to a prompt with tools, by the level at which they are rendered (spec 9.6, 15). */
export interface PromptOverhead {
  readonly systemTokens: number;
  readonly messagesTokens: number;
}

/**
 * What tools add besides their definitions. The part that depends on `tool_choice` is rendered apart from the
 * rest, for a change of `tool_choice` leaves the system level cached (spec 6, 15).
 */
export function readOverhead(
  body: JsonObject,
  model: ModelFacts,
  blocks: readonly RawBlock[],
  open: OpenQuestions,
): PromptOverhead {
  if (!blocks.some((block) => block.level === 'tools')) return { systemTokens: 0, messagesTokens: 0 };
  const { autoTokens, forcedTokens } = model.toolOverhead;
  const choice = isObject(body['tool_choice']) ? body['tool_choice']['type'] : 'auto';
  const isForced = choice === 'any' || choice === 'tool';
  const forcedExtra = isForced && forcedTokens !== null ? forcedTokens - autoTokens : 0;
  const isAtSystem = open.toolChoiceOverheadLevel === 'system';
  return {
    systemTokens: autoTokens + (isAtSystem ? forcedExtra : 0),
    messagesTokens: isAtSystem ? 0 : forcedExtra,
  };
}
