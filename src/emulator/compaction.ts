import { isObject, stringMember, type JsonObject } from '../core/index.ts';
import type { WireBlock } from '../wire/index.ts';
import { withMessages } from './cache-server.ts';
import { invalidRequest, type ApiError } from './errors.ts';
import type { ScriptEntry } from './script.ts';

/**
 * The API's own compaction. `on-demand`: the member `compaction` asks for nothing but a summary, a signed block that stands
 * first in later requests. `threshold`: an edit of `context_management` has the API summarise within an ordinary request
 * once it is long enough, and go on from there; its block has no signature and follows what it stands for.
 */
export interface CompactionAsked {
  readonly kind: 'on-demand' | 'threshold';
  /** The caller's own prompt for the summary; null for the service's, which is not billed (spec 5.7). */
  readonly instructions: string | null;
  /** Input tokens from which on it happens. */
  readonly triggerTokens: number;
  /** Is the answer the block alone? */
  readonly pauses: boolean;
}

const EDIT_TYPE = 'compact_20260112';
const TRIGGER_TOKENS = 150_000;
const TRIGGER_TOKENS_MIN = 50_000;

/** The edit that compacts; null without one. */
function compactEdit(body: JsonObject): JsonObject | null {
  const management = body['context_management'];
  const edits: unknown = isObject(management) ? management['edits'] : null;
  if (!Array.isArray(edits)) return null;
  return edits.filter(isObject).find((edit) => edit['type'] === EDIT_TYPE) ?? null;
}

function instructionsOf(member: JsonObject): string | null {
  const text = stringMember(member, 'instructions') ?? '';
  return text.trim() === '' ? null : text;
}

/** What a body asks for; null where it asks for no compaction. */
export function readCompaction(body: JsonObject): CompactionAsked | null {
  const asked = body['compaction'];
  if (isObject(asked))
    return { kind: 'on-demand', instructions: instructionsOf(asked), triggerTokens: 0, pauses: true };
  const edit = compactEdit(body);
  if (!edit) return null;
  const value = isObject(edit['trigger']) ? edit['trigger']['value'] : null;
  return {
    kind: 'threshold',
    instructions: instructionsOf(edit),
    triggerTokens: typeof value === 'number' ? value : TRIGGER_TOKENS,
    pauses: edit['pause_after_compaction'] === true,
  };
}

interface PlacedBlock {
  readonly messageIndex: number;
  readonly blockIndex: number;
  readonly role: unknown;
  readonly block: JsonObject;
}

function messagesOf(body: JsonObject): readonly JsonObject[] {
  const messages: unknown = body['messages'];
  return Array.isArray(messages) ? messages.filter(isObject) : [];
}

function placedBlocks(body: JsonObject): readonly PlacedBlock[] {
  return messagesOf(body).flatMap(({ role, content }, messageIndex) =>
    Array.isArray(content)
      ? content
          .filter(isObject)
          .map((block, blockIndex) => ({ messageIndex, blockIndex, role, block }))
          .filter(({ block }) => block['type'] === 'compaction')
      : [],
  );
}

const isSigned = ({ block }: PlacedBlock): boolean => typeof block['signature'] === 'string';
const hasContent = ({ block }: PlacedBlock): boolean => typeof block['content'] === 'string';

/** The signed block that a body begins with; null without one. */
export function signedBlock(body: JsonObject): JsonObject | null {
  return placedBlocks(body).find(isSigned)?.block ?? null;
}

function refuse(code: string, message: string): ApiError {
  return invalidRequest(message, { error_code: `compaction_${code}` });
}

/** A signed block goes first, and alone. */
function blockProblem(body: JsonObject): ApiError | null {
  const placed = placedBlocks(body);
  const signed = placed.filter(isSigned);
  if (signed.length === 0) return null;
  if (placed.filter(hasContent).length > 1)
    return refuse('block_ambiguous', 'messages: send one compaction block, the one that was returned last');
  const misplaced = signed.find(
    ({ messageIndex, blockIndex, role }) => messageIndex > 0 || blockIndex > 0 || role === 'system',
  );
  if (!misplaced) return null;
  const place = `messages.${misplaced.messageIndex}.content.${misplaced.blockIndex}`;
  return refuse('block_misplaced', `${place}: a compaction block must be the first block of messages`);
}

function hasOpenCall(messages: readonly JsonObject[]): boolean {
  const last = messages.findLast(({ role }) => role !== 'system');
  if (last?.['role'] !== 'assistant' || !Array.isArray(last['content'])) return false;
  return last['content'].some((block) => isObject(block) && block['type'] === 'tool_use');
}

/** Members that would do nothing to a summary, and are refused. */
function memberProblem(body: JsonObject): ApiError | null {
  const config = isObject(body['output_config']) ? body['output_config'] : {};
  const choice = isObject(body['tool_choice']) ? body['tool_choice']['type'] : null;
  const stops: unknown = body['stop_sequences'];
  const members: readonly (readonly [boolean, string])[] = [
    [(body['context_management'] ?? null) !== null, 'context_management'],
    [Array.isArray(stops) && stops.length > 0, 'stop_sequences'],
    [(config['format'] ?? null) !== null, 'output_config.format'],
    [choice === 'any' || choice === 'tool', `tool_choice "${String(choice)}"`],
  ];
  const found = members.find(([applies]) => applies);
  return found ? invalidRequest(`compaction cannot be used with ${found[1]}`) : null;
}

function askedProblem(body: JsonObject): ApiError | null {
  const asked = body['compaction'] ?? null;
  if (asked === null) return null;
  if (!isObject(asked) || asked['type'] !== 'summarize')
    return invalidRequest("compaction.type: Input should be 'summarize'");
  const member = memberProblem(body);
  if (member) return member;
  const messages = messagesOf(body);
  const hasWords = messages.some(({ role, content }) => role !== 'system' && String(content) !== '');
  if (!hasWords) return refuse('nothing_to_summarize', 'messages: there is nothing to summarize');
  return hasOpenCall(messages)
    ? refuse('incomplete_turn', 'messages: the last assistant turn ends in a tool call without its result')
    : null;
}

function triggerProblem(body: JsonObject): ApiError | null {
  const trigger = compactEdit(body)?.['trigger'] ?? null;
  if (trigger === null) return null;
  const value = isObject(trigger) && trigger['type'] === 'input_tokens' ? trigger['value'] : null;
  if (typeof value === 'number' && value >= TRIGGER_TOKENS_MIN) return null;
  return invalidRequest(
    `context_management.edits: the trigger must be of type input_tokens with a value of at least ${TRIGGER_TOKENS_MIN}`,
  );
}

/** What is wrong with a body as far as compaction goes; null when nothing is. */
export function compactionProblem(body: JsonObject): ApiError | null {
  return askedProblem(body) ?? triggerProblem(body) ?? blockProblem(body);
}

/**
 * The body as the model sees it: what stands before the newest block of a threshold is gone, and blocks that hold no summary
 * are nothing. A body without such blocks stays the very same object.
 */
export function applyCompacted(body: JsonObject): JsonObject {
  const placed = placedBlocks(body).filter((each) => !isSigned(each));
  if (placed.length === 0) return body;
  const newest = placed.findLast(hasContent);
  const failed = new Set(placed.filter((each) => !hasContent(each)).map(({ block }) => block));
  const kept = messagesOf(body).flatMap((message, index): readonly JsonObject[] => {
    const { content } = message;
    if (index < (newest?.messageIndex ?? 0)) return [];
    if (!Array.isArray(content)) return [message];
    const from = index === newest?.messageIndex ? newest.blockIndex : 0;
    const rest = content.slice(from).filter((block) => !failed.has(block as JsonObject));
    return rest.length === 0 ? [] : [{ ...message, content: rest }];
  });
  return withMessages(body, kept);
}

/** A summary, or why there is none. */
export interface SummaryMade {
  readonly text: string | null;
  readonly stopReason: string;
}

/** Why a summary on demand was not written to its end; null when it was. */
function whyUnfinished(entry: ScriptEntry | null, words: number, body: JsonObject): string | null {
  const ended = entry?.stop_reason ?? 'end_turn';
  if (ended !== 'end_turn' && ended !== 'compaction') return ended;
  if (entry?.content?.some(({ type }) => type === 'tool_use')) return 'tool_use';
  const limit = body['max_tokens'];
  return typeof limit === 'number' && limit < words ? 'max_tokens' : null;
}

/** What the summary says: the script's `summary`, for a request on demand also its `text`; else a short fixed text. */
export function composeSummary(
  entry: ScriptEntry | null,
  body: JsonObject,
  kind: CompactionAsked['kind'],
): SummaryMade {
  if (entry?.summary === null) return { text: null, stopReason: 'end_turn' };
  const isOnDemand = kind === 'on-demand';
  const scripted = entry?.summary ?? (isOnDemand ? entry?.text : undefined);
  const own = `Summary of the conversation: ${messagesOf(body).length} messages went before.`;
  // As everywhere, what is scripted is not cut.
  const words = scripted === undefined ? own.split(' ').length : 0;
  const unfinished = isOnDemand ? whyUnfinished(entry, words, body) : null;
  if (unfinished !== null) return { text: null, stopReason: unfinished };
  return { text: scripted ?? own, stopReason: 'compaction' };
}

/** A block that holds a summary, or null for one that failed; signed where it was asked for on demand. */
export function compactionBlock(text: string | null, signature: string | null): WireBlock {
  return {
    type: 'compaction',
    content: text,
    encrypted_content: null,
    ...(signature !== null && { signature }),
  };
}

/** The body after a compaction within a request: the block in the place of all messages. */
export function compactedBody(body: JsonObject, block: JsonObject): JsonObject {
  return withMessages(body, [{ role: 'assistant', content: [block] }]);
}
