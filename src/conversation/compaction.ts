import { isObject, type JsonObject } from '../core/index.ts';
import type { HistoryMessage } from './message.ts';

/**
 * The API's own compaction comes in two forms. On demand: a request of its own gives a signed block, which stands first from
 * then on, in front of what was kept. At a threshold: an edit of `context_management` has the API summarise within a turn,
 * and its answer begins with a block that stands for all that went before it.
 */
const ON_DEMAND_BETA = 'compact-2026-09-04';
const THRESHOLD_BETA = 'compact-2026-01-12';
const EDIT_TYPE = 'compact_20260112';

/** The lowest trigger of a threshold, in tokens. */
const TRIGGER_TOKENS_MIN = 50_000;

/** A block that stands for what went before it; one without content stands for nothing. */
export function isCompaction(block: JsonObject | undefined): block is JsonObject {
  return block?.['type'] === 'compaction' && typeof block['content'] === 'string';
}

/** Is a message nothing but such a block? */
export function isCompactionAlone({ content }: HistoryMessage): boolean {
  return content.length === 1 && isCompaction(content[0]);
}

/** Everything from the newest such block of an answer on; null where the API has summarised nothing. */
export function foldedAnswer(answer: HistoryMessage): HistoryMessage | null {
  const at = answer.content.findLastIndex(isCompaction);
  return at < 0 ? null : { ...answer, content: answer.content.slice(at) };
}

/** Texts of the instructions among messages: they are summarised with the rest, and would not stay in force. */
export function instructionsIn(messages: readonly HistoryMessage[]): readonly JsonObject[] {
  return messages.filter(({ role }) => role === 'system').flatMap(({ content }) => content);
}

function editsOf(parameters: JsonObject): readonly JsonObject[] {
  const management = parameters['context_management'];
  const edits: unknown = isObject(management) ? management['edits'] : null;
  return Array.isArray(edits) ? edits.filter(isObject) : [];
}

export function hasThreshold(parameters: JsonObject): boolean {
  return editsOf(parameters).some(({ type }) => type === EDIT_TYPE);
}

/**
 * Parameters with which the API compacts by itself.
 *
 * @throws RangeError for a threshold that the API does not take.
 */
export function withThreshold(
  parameters: JsonObject,
  highTokens: number,
  instructions: string | undefined,
): JsonObject {
  if (highTokens < TRIGGER_TOKENS_MIN)
    throw new RangeError(
      `apiCompaction 'threshold' needs highTokens of at least ${TRIGGER_TOKENS_MIN}, got ${highTokens}: use 'on-demand'`,
    );
  const management = parameters['context_management'];
  const edit = {
    type: EDIT_TYPE,
    trigger: { type: 'input_tokens', value: highTokens },
    ...(instructions !== undefined && { instructions }),
  };
  const edits = [...editsOf(parameters).filter(({ type }) => type !== EDIT_TYPE), edit];
  return { ...parameters, context_management: { ...(isObject(management) && management), edits } };
}

/** Parameters of a request for a summary: the API refuses those that would do nothing to it. */
export function forCompaction(parameters: JsonObject, compaction: JsonObject): JsonObject {
  const { context_management: _edits, stop_sequences: _stops, tool_choice: choice, ...rest } = parameters;
  const isForced = isObject(choice) && (choice['type'] === 'any' || choice['type'] === 'tool');
  const config = rest['output_config'];
  const { format: _format, ...plainConfig } = isObject(config) ? config : {};
  return {
    ...rest,
    ...(isObject(config) && { output_config: plainConfig }),
    ...(choice !== undefined && !isForced && { tool_choice: choice }),
    compaction,
  };
}

/** Headers that a body needs: the betas of the compaction that it asks for, or whose block it sends back. */
export function headersFor(body: JsonObject): Readonly<Record<string, string>> {
  const messages = body['messages'] as readonly HistoryMessage[];
  const blocks = messages.flatMap(({ content }) => content.filter(({ type }) => type === 'compaction'));
  const isSigned = blocks.some(({ signature }) => typeof signature === 'string');
  const isUnsigned = blocks.some(({ signature }) => typeof signature !== 'string');
  const betas = [
    ...(body['compaction'] !== undefined || isSigned ? [ON_DEMAND_BETA] : []),
    ...(hasThreshold(body) || isUnsigned ? [THRESHOLD_BETA] : []),
  ];
  return betas.length === 0 ? {} : { 'anthropic-beta': betas.join(',') };
}
