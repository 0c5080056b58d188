import { isThinkingType, type JsonObject } from '../../src/core/index.ts';
import type { Exchange, SentMessage } from './emulated.ts';

const idsOf = (blocks: readonly JsonObject[], type: string, member: string): readonly string[] =>
  blocks.filter((block) => block['type'] === type).map((block) => String(block[member]));

function speakerProblems(
  { role }: SentMessage,
  before: string | undefined,
): readonly (readonly [boolean, string])[] {
  return [
    [role === before, `follows another message of ${role}`],
    [before === undefined && role !== 'user', 'begins the conversation'],
    [role === 'system' && before !== 'user', 'does not follow a message of the user'],
    [role === 'user' && before === 'system', 'follows a system message that nobody has answered'],
  ];
}

function contentProblems({ role, content }: SentMessage): readonly (readonly [boolean, string])[] {
  const isEmpty = content.some((block) => block['type'] === 'text' && String(block['text']).trim() === '');
  return [
    [content.length === 0, 'has no content'],
    [isEmpty, 'has an empty text'],
    [role === 'assistant' && isThinkingType(content.at(-1)?.['type']), 'ends with thinking'],
  ];
}

function resultProblems(
  { role, content }: SentMessage,
  before: SentMessage | undefined,
): readonly (readonly [boolean, string])[] {
  const results = idsOf(content, 'tool_result', 'tool_use_id');
  const calls = before?.role === 'assistant' ? idsOf(before.content, 'tool_use', 'id') : [];
  const late = content.findLastIndex(({ type }) => type === 'tool_result');
  if (role !== 'user') return [[results.length > 0, 'has results and is not the user']];
  return [
    [late >= results.length, 'has results behind something else'],
    [results.toSorted().join() !== calls.toSorted().join(), 'has not the results of its calls'],
  ];
}

/** An answer that begins with the API's own summary may begin a conversation. */
function beginsWithSummary({ role, content }: SentMessage): boolean {
  return role === 'assistant' && content[0]?.['type'] === 'compaction';
}

/** Another answer may follow one with nothing but that. */
function isSummaryAlone(message: SentMessage): boolean {
  return beginsWithSummary(message) && message.content.length === 1;
}

function problemsOf(message: SentMessage, before: SentMessage | undefined): readonly string[] {
  const isFirst = before === undefined && beginsWithSummary(message);
  const follows = before && isSummaryAlone(before) && message.role !== 'system';
  const wrong = [
    ...(isFirst || follows ? [] : speakerProblems(message, before?.role)),
    ...contentProblems(message),
    ...resultProblems(message, before),
  ];
  return wrong.flatMap(([isWrong, what]) => (isWrong ? [what] : []));
}

/** What the API would not take, beyond what the emulator refuses: pairs of calls and results, order of speakers. */
export function illegalities({ body }: Exchange): readonly string[] {
  const { messages } = body;
  const isCompacting = body['compaction'] !== undefined;
  const found = messages.flatMap((message, index) =>
    problemsOf(message, messages[index - 1]).map((what) => `messages.${index} ${what}`),
  );
  return messages.at(-1)?.role === 'assistant' && !isCompacting
    ? [...found, 'the answer is put into its mouth']
    : found;
}

/** The body as it counts for a prefix: no markers. */
export function bare(body: object): JsonObject {
  const text = JSON.stringify(body, (name, value: unknown) => (name === 'cache_control' ? undefined : value));
  return JSON.parse(text) as JsonObject;
}

/** Every block of the messages, with who says it, in bytes. */
function blockBytes({ body }: Exchange): readonly string[] {
  return body.messages.flatMap(({ role, content }) =>
    content.map((block) => `${role} ${JSON.stringify(bare(block))}`),
  );
}

/** Does one request extend the other byte for byte? */
export function isExtension(longer: Exchange, shorter: Exchange): boolean {
  const { messages: _old, max_tokens: _most, compaction: _no, ...before } = bare(shorter.body);
  const { messages: _new, max_tokens: _least, compaction: _yes, ...after } = bare(longer.body);
  const blocks = blockBytes(longer);
  return (
    JSON.stringify(before) === JSON.stringify(after) &&
    blockBytes(shorter).every((block, index) => blocks[index] === block)
  );
}

export function markerCount({ body }: Exchange): number {
  return JSON.stringify(body).split('"cache_control"').length - 1;
}
