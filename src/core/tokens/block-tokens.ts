import { makeRough } from './charge.ts';
import type { TokenEstimate, TokenizerGeneration } from './profiles.ts';

/** Tokens that frame a block in the rendered prompt, and half and double of that as the band. */
const DEFAULT_OVERHEAD_TOKENS = 4;
const RESULT_OVERHEAD_TOKENS = 28;
const TOOL_OVERHEAD_TOKENS = 14;

/**
 * A `tool_use` and its `tool_result` together cost about 70 tokens beyond their text (median of short calls in
 * real usage records of Opus 4.5 and 4.6); a text turn adds 7-10 (spec 5.7), shared by the blocks of both sides.
 */
const OVERHEAD_TOKENS: Readonly<Record<string, number>> = {
  tool_use: 40,
  server_tool_use: 40,
  mcp_tool_use: 40,
  thinking: 8,
  redacted_thinking: 8,
  document: 10,
  search_result: 12,
};

/** The frame of a content block; any type. */
export function blockOverhead(type: string): TokenEstimate {
  const known = Object.hasOwn(OVERHEAD_TOKENS, type) ? OVERHEAD_TOKENS[type] : undefined;
  const isResult = type === 'tool_result' || type.endsWith('_tool_result');
  return makeRough(known ?? (isResult ? RESULT_OVERHEAD_TOKENS : DEFAULT_OVERHEAD_TOKENS), 0.5, 1.5);
}

/** The frame of a tool definition of the caller's own. */
export function toolOverhead(): TokenEstimate {
  return makeRough(TOOL_OVERHEAD_TOKENS, 0.5, 1.5);
}

interface BuiltInTool {
  readonly prefix: string;
  readonly classic: number;
  readonly modern: number;
}

/** Definitions that the service writes itself (spec 9.6). */
const BUILT_IN_TOOLS: readonly BuiltInTool[] = [
  { prefix: 'bash_', classic: 244, modern: 325 },
  { prefix: 'text_editor_', classic: 700, modern: 700 },
  { prefix: 'computer_toolset_', classic: 4_500, modern: 4_500 },
  { prefix: 'browser_toolset_', classic: 6_600, modern: 6_600 },
];

/** A built-in tool of unpublished size: web search, code execution, memory, an MCP server. */
const UNPUBLISHED_TOOL_TOKENS = 600;

const DATE_CHARS = '_20260101'.length;

/** True for `name_20260101`: built-in tools carry their date, results and calls do not. */
function isDated(type: string): boolean {
  return type.length > DATE_CHARS && /^_\d{8}$/.test(type.slice(-DATE_CHARS));
}

/** Tokens of a built-in tool's definition; null where `type` names none. */
export function builtInToolTokens(type: string, generation: TokenizerGeneration): TokenEstimate | null {
  if (type === 'mcp_toolset') return makeRough(UNPUBLISHED_TOOL_TOKENS, 0.05, 20);
  if (!isDated(type)) return null;
  const tool = BUILT_IN_TOOLS.find(({ prefix }) => type.startsWith(prefix));
  if (tool === undefined) return makeRough(UNPUBLISHED_TOOL_TOKENS, 0.05, 5);
  return makeRough(tool[generation], 0.9, 1.1);
}

/** What of a signature is envelope, not thought. */
const OPAQUE_ENVELOPE_CHARS = 240;
const OPAQUE_CHARS_PER_TOKEN = 6;

/**
 * Encrypted content: signatures, redacted thinking, encrypted search results. It is base64 of enciphered text and is
 * billed for that text: 4/3 characters a byte and about 4.5 bytes a token make 6 characters a token. Its own
 * characters are never counted as text.
 */
export function opaqueTokens(chars: number): TokenEstimate {
  return makeRough(Math.max(0, chars - OPAQUE_ENVELOPE_CHARS) / OPAQUE_CHARS_PER_TOKEN, 0.4, 2);
}
