import type { JsonObject, Level } from '../../core/index.ts';

/** How often a layer's content changes, in words; `CHANGE_INTERVAL_MS` says what they stand for. */
export type ChangeWord =
  | 'never'
  | 'monthly'
  | 'weekly'
  | 'daily'
  | 'hourly'
  | 'per-session'
  | 'per-turn'
  | 'per-request';

/** Words, or the expected time between two changes in ms: 0 is with every request, `Infinity` never. */
export type ChangeFrequency = ChangeWord | number;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Expected time between two changes for each word, in ms. A session is taken for half an hour, a turn for two minutes. */
export const CHANGE_INTERVAL_MS: Readonly<Record<ChangeWord, number>> = {
  never: Number.POSITIVE_INFINITY,
  monthly: 30 * DAY_MS,
  weekly: 7 * DAY_MS,
  daily: DAY_MS,
  hourly: HOUR_MS,
  'per-session': 30 * MINUTE_MS,
  'per-turn': 2 * MINUTE_MS,
  'per-request': 0,
};

/**
 * The parts of a Messages request that layers are made of and built into. `Anthropic.MessageCreateParams` fits, so
 * that `layers<Anthropic.MessageCreateParams>(...)` gives the SDK's own types back.
 */
export interface RequestParts {
  readonly tools?: readonly object[];
  readonly system?: string | readonly object[];
  readonly messages: readonly object[];
}

interface LayerBase {
  /** Unique among the layers of a prompt; findings and reasons use it. */
  readonly name: string;
  readonly changes: ChangeFrequency;
  /** Tokens as measured, for example by `count_tokens`. @default an estimate from the content */
  readonly tokens?: number;
  /**
   * Requests an hour that share this very content and all before it, where they are fewer than those of the whole
   * application: those of one session, for example. @default the rate of the layer before
   */
  readonly requestsPerHour?: number;
}

/** Tool definitions: the first level of a prompt. */
export interface ToolsLayer<Parts extends RequestParts = RequestParts> extends LayerBase {
  readonly tools: NonNullable<Parts['tools']>;
}

/** System text or text blocks: the second level. */
export interface SystemLayer<Parts extends RequestParts = RequestParts> extends LayerBase {
  readonly system: string | NonNullable<Parts['system']>;
}

/** Text or content blocks of the user: documents, images, results of a search. They stand in the messages level. */
export interface DocumentsLayer extends LayerBase {
  readonly documents: string | readonly object[];
}

/** Messages as they are; a string is one message of the user. Their order among each other stays as declared. */
export interface MessagesLayer<Parts extends RequestParts = RequestParts> extends LayerBase {
  readonly messages: string | Parts['messages'];
  /** Tokens that each request adds at the end while the rest stays: a conversation. @default 0, nothing is added */
  readonly appendsTokens?: number;
}

/** One declared layer; the member that holds the content says of which kind it is. */
export type Layer<Parts extends RequestParts = RequestParts> =
  | ToolsLayer<Parts>
  | SystemLayer<Parts>
  | DocumentsLayer
  | MessagesLayer<Parts>;

export type LayerKind = 'tools' | 'system' | 'documents' | 'messages';

/** A message with its content as blocks. */
export interface LayerMessage {
  readonly message: JsonObject;
  readonly blocks: readonly JsonObject[];
}

/** A declared layer in one form, its content as blocks without markers. */
export interface PlainLayer {
  readonly name: string;
  readonly kind: LayerKind;
  readonly level: Level;
  readonly changes: ChangeFrequency;
  readonly changeIntervalMs: number;
  readonly measuredTokens: number | null;
  readonly requestsPerHour: number | null;
  readonly appendsTokens: number;
  /** Blocks of tools, system and documents; empty for messages. */
  readonly blocks: readonly JsonObject[];
  /** Messages of a messages layer; empty for the others. */
  readonly messages: readonly LayerMessage[];
}

/** All blocks of a layer, in order. */
export function blocksOf(layer: PlainLayer): readonly JsonObject[] {
  return layer.kind === 'messages' ? layer.messages.flatMap(({ blocks }) => blocks) : layer.blocks;
}
