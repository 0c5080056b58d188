import {
  chainPrefixes,
  isObject,
  pathText,
  readPrompt,
  type Catalogue,
  type JsonObject,
  type PrefixId,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { dropMembers, setMember } from './edit-body.ts';
import type { MarkedBody, Target } from './mark-shared.ts';

/** Any text that is not white space will do (spec 10.2). */
const PLACEHOLDER = { role: 'user', content: 'Warm-up.' } as const;

function messagesOf(body: JsonObject): readonly unknown[] {
  return Array.isArray(body['messages']) ? body['messages'] : [];
}

function contentOf(message: unknown): readonly unknown[] {
  const content = isObject(message) ? message['content'] : null;
  return Array.isArray(content) ? content : [];
}

function hasType(message: unknown, pattern: RegExp): boolean {
  return contentOf(message).some((block) => isObject(block) && pattern.test(String(block['type'])));
}

/** Prefixes at the targets, to see whether an edit has changed one. */
function prefixesAt(body: JsonObject, targets: readonly Target[], catalogue: Catalogue): readonly PrefixId[] {
  const prompt = readPrompt(body, { catalogue });
  const { prefixIds } = chainPrefixes(prompt, { partition: '', hash: sha256Text, countTokens: () => 0 });
  const at = new Map(prompt.blocks.map((block, index) => [pathText(block.path), prefixIds[index] ?? '']));
  return targets.map(({ path }) => at.get(path) ?? 'none');
}

/** Is every prefix that should be warm still the same? Settings and later blocks can matter to it in many ways (spec 6). */
function isSamePrefix(
  before: JsonObject,
  after: JsonObject,
  targets: readonly Target[],
  catalogue: Catalogue,
): boolean {
  const known = prefixesAt(before, targets, catalogue);
  return prefixesAt(after, targets, catalogue).every((prefix, index) => prefix === known[index]);
}

/** A prompt ends with the user's turn: one that has none, or that ends with an answer, gets a placeholder. */
function endWithUser(body: JsonObject): JsonObject {
  const messages = messagesOf(body);
  const last = messages.at(-1);
  const isAnswer = isObject(last) && last['role'] === 'assistant' && !hasType(last, /tool_use$/);
  return messages.length === 0 || isAnswer ? setMember(body, 'messages', [...messages, PLACEHOLDER]) : body;
}

/** The body without what follows the last target, where a conversation may end there; null where it may not. */
function withoutTail(body: JsonObject, last: Target): JsonObject | null {
  if (last.level !== 'messages') return setMember(body, 'messages', [PLACEHOLDER]);
  const messages = messagesOf(body);
  const message = messages[last.messageIndex];
  if (!isObject(message) || message['role'] !== 'user') return null;
  const content = contentOf(message);
  const kept = content.slice(0, Number(last.path.split('.').at(-1)) + 1);
  // The results of one turn of tool calls belong together: the API refuses a call without its result.
  const isWhole = hasType({ content: content.slice(kept.length) }, /tool_result$/);
  const ending = isWhole ? message : setMember(message, 'content', kept);
  return setMember(body, 'messages', [...messages.slice(0, last.messageIndex), ending]);
}

/** `tool_choice` is part of the prefix of messages alone (spec 6): below them it may go, and with it an exclusion. */
const LOOSE_SETTINGS = ['tool_choice'];

/**
 * Leaves out what comes after the last shared block, for it would be paid and never be read, and settings that matter
 * only there. Each step is taken only if all prefixes that should be warm stay what they are.
 */
export function cutTail({ body, targets }: MarkedBody, catalogue: Catalogue): JsonObject {
  const whole = endWithUser(body);
  const last = targets.at(-1);
  if (!last) return whole;
  const steps = [
    (current: JsonObject) => withoutTail(current, last),
    (current: JsonObject) => dropMembers(current, LOOSE_SETTINGS),
  ];
  return steps.reduce((current, step) => {
    const next = step(current);
    return next && isSamePrefix(whole, next, targets, catalogue) ? next : current;
  }, whole);
}
