import { estimateBlock, isObject, type Block, type JsonObject, type Prompt } from '../core/index.ts';

/** Tokens that frame a block in the rendered prompt, at the most. */
const FRAME_TOKENS_MAX = 64;

/** What the service itself may add to a prompt: for tools, for an output format, for its own purposes (spec 5.7). */
const SERVICE_TOKENS_MAX = 2000;

/** Estimates of pictures and built-in tools are taken this many times. */
const ROUGHNESS = 2;

/** Deep enough for a document in a tool result; what nests deeper is no media. */
const MEDIA_DEPTH_MAX = 6;

interface Media {
  /** Characters of pictures and files, which are not billed as text. */
  dataLength: number;
  hasMedia: boolean;
  /** Holds what nobody can measure before it is sent: a document elsewhere, tools of another server. */
  isUnseen: boolean;
}

function inspectSource(source: JsonObject, type: unknown, found: Media): void {
  const data = source['data'];
  if (source['type'] === 'base64' && typeof data === 'string') {
    found.hasMedia = true;
    // A page of a PDF is billed as a picture and for its text, which may be packed: its data are counted all the same.
    if (type === 'image') found.dataLength += data.length;
  } else if (source['type'] === 'url' || source['type'] === 'file') {
    found.hasMedia = true;
    if (type !== 'image') found.isUnseen = true;
  }
}

function inspect(value: unknown, depth: number, found: Media): void {
  if (typeof value !== 'object' || value === null || depth === 0) return;
  if (isObject(value) && isObject(value['source'])) inspectSource(value['source'], value['type'], found);
  for (const inner of Object.values(value)) inspect(inner, depth - 1, found);
}

function worstOfBlock({ value, level, type }: Block, { model }: Prompt): number {
  const found: Media = {
    dataLength: 0,
    hasMedia: false,
    isUnseen: type === 'mcp_toolset' || type === 'container_upload',
  };
  inspect(value, MEDIA_DEPTH_MAX, found);
  if (found.isUnseen) return Number.POSITIVE_INFINITY;
  const isRough = found.hasMedia || (level === 'tools' && type !== 'custom');
  const rough = isRough ? ROUGHNESS * estimateBlock(value, model.facts.tokenizer).high : 0;
  // A token stands for one byte of text at the least.
  return Buffer.byteLength(JSON.stringify(value)) - found.dataLength + rough + FRAME_TOKENS_MAX;
}

const isPresent = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : (value ?? null) !== null;

/**
 * The most tokens that a prompt can be billed for, so that a budget holds also where estimates err: about four times
 * what text usually has. Infinity where nothing in the body says how long the prompt is.
 */
export function worstInputTokens(body: JsonObject, prompt: Prompt): number {
  const container = isObject(body['container']) ? body['container'] : {};
  if (isPresent(body['mcp_servers']) || isPresent(container['skills'])) return Number.POSITIVE_INFINITY;
  const { systemTokens, messagesTokens } = prompt.overhead;
  const service = SERVICE_TOKENS_MAX + ROUGHNESS * (systemTokens + messagesTokens);
  return prompt.blocks.reduce((sum, block) => sum + worstOfBlock(block, prompt), service);
}
