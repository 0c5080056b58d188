import type { ModelFacts } from '../catalogue/types.ts';
import { isObject, type JsonObject } from '../json.ts';
import { isTurnScoped } from './markers.ts';
import { isThinkingType, type RawBlock } from './raw-blocks.ts';
import type { ThinkingSetting } from './settings.ts';

/** A user message that brings something else than tool results begins a new turn (spec 7.2). */
function beginsTurn({ role, isString, type }: RawBlock): boolean {
  return role === 'user' && (isString || type !== 'tool_result');
}

/** `clear_thinking_20251015` with `keep: "all"` overrides the model's own rule (spec 7.6). */
function keepsAllThinking(body: JsonObject, model: ModelFacts): boolean {
  if (model.thinking.history === 'keep-all') return true;
  const management = isObject(body['context_management']) ? body['context_management'] : {};
  const edits = Array.isArray(management['edits']) ? management['edits'] : [];
  return edits.some(
    (edit) => isObject(edit) && edit['type'] === 'clear_thinking_20251015' && edit['keep'] === 'all',
  );
}

/**
 * Drops the thinking blocks that the service strips before rendering, so that they are neither hashed nor
 * counted: on last-turn-only models all before the newest turn (7.2), and with thinking disabled those of
 * the current tool turn (7.3).
 */
export function stripThinking(
  blocks: readonly RawBlock[],
  body: JsonObject,
  model: ModelFacts,
  thinking: ThinkingSetting,
): readonly RawBlock[] {
  if (!blocks.some((block) => isThinkingType(block.type))) return blocks;
  const turnStart = blocks.findLast(beginsTurn)?.messageIndex ?? -1;
  const keepsHistory = keepsAllThinking(body, model);
  const keepsTurn = thinking.mode !== 'disabled';
  return blocks.filter((block) => {
    if (!isThinkingType(block.type)) return true;
    return block.messageIndex < turnStart ? keepsHistory : keepsTurn;
  });
}

/** Drops turn-scoped system messages that a later user message has cleared (spec 2.5, 13). */
export function dropCleared(blocks: readonly RawBlock[], body: JsonObject): readonly RawBlock[] {
  if (!blocks.some(isTurnScoped)) return blocks;
  const messages = Array.isArray(body['messages']) ? body['messages'] : [];
  const lastUser = messages.findLastIndex((message) => isObject(message) && message['role'] === 'user');
  return blocks.filter((block) => !isTurnScoped(block) || block.messageIndex > lastUser);
}
