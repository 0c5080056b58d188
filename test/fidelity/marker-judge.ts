import { itemsOf, memberOf, readTree, textOf, type Tree } from './json-tree.ts';

/**
 * What the API would say to the markers of a body (spec 1.4 to 1.6, 2.4), judged from its bytes and apart from the code
 * under test. `unsure`: there is something about which the rules say nothing.
 */
export interface Judgement {
  readonly verdict: 'valid' | 'invalid' | 'unsure';
  /** Every marker that counts: its place, and its bytes. */
  readonly markers: ReadonlyMap<string, string>;
  /** Types of the blocks that carry one, by place. */
  readonly types: ReadonlyMap<string, string>;
}

/** Types of blocks that may carry a marker (spec 1.4); every tool may. */
const CARRIERS: ReadonlySet<string> = new Set(
  `tool text image document search_result tool_use tool_result server_tool_use web_search_tool_result
  web_fetch_tool_result code_execution_tool_result bash_code_execution_tool_result
  text_editor_code_execution_tool_result tool_search_tool_result tool_reference container_upload browser_state
  compaction mcp_tool_use mcp_tool_result advisor_tool_result tool_addition tool_removal`.split(/\s+/),
);

/** The place and the type of the marker at the top level, which stands for one on the last block (spec 2.4). */
export const TOP_LEVEL = 'top';

/** May a marker be put on a block of this type? */
export function isCarrier(type: string): boolean {
  return CARRIERS.has(type);
}

type Ttl = '5m' | '1h';

interface JudgedBlock {
  readonly place: string;
  readonly type: string;
  readonly value: Tree;
  /** Why a marker here is refused whatever it says. */
  readonly isForbidden: boolean;
}

class Judge {
  readonly #bytes: Buffer;
  readonly markers = new Map<string, string>();
  readonly types = new Map<string, string>();
  isInvalid = false;
  isUnsure = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  text(tree: Tree | undefined): string | undefined {
    return textOf(this.#bytes, tree);
  }

  raw(tree: Tree): string {
    return this.#bytes.subarray(tree.start, tree.end).toString('latin1');
  }

  /** The TTL of a marker; null where there is none. A malformed one makes the whole set invalid. */
  read(holder: Tree, place: string, type: string): Ttl | null {
    const marker = memberOf(holder, 'cache_control');
    if (!marker || this.raw(marker) === 'null') return null;
    this.markers.set(place, this.raw(marker));
    this.types.set(place, type);
    const ttl = memberOf(marker, 'ttl');
    const ttlText = ttl ? this.text(ttl) : '5m';
    const isKnown = ttlText === '5m' || ttlText === '1h';
    if (this.text(memberOf(marker, 'type')) !== 'ephemeral' || !isKnown) this.isInvalid = true;
    else if (marker.kind === 'object' && marker.members.some(({ name }) => name !== 'type' && name !== 'ttl'))
      this.isUnsure = true;
    return ttlText === '1h' ? '1h' : '5m';
  }

  /** A block's marker, moved up from its last inner block where it stands there (spec 1.5). */
  readBlock({ place, type, value, isForbidden }: JudgedBlock): Ttl | null {
    const own = this.read(value, place, type);
    const moved = this.#readInner(value, place, type);
    const ttl = own ?? moved;
    if (ttl !== null && isForbidden) this.isInvalid = true;
    return ttl;
  }

  #readInner(value: Tree, place: string, type: string): Ttl | null {
    const source = memberOf(value, 'source');
    const isResult = type === 'tool_result';
    const inner = itemsOf(memberOf(isResult ? value : source, 'content'));
    let last: Ttl | null = null;
    for (const [index, item] of inner.entries()) {
      const innerType = this.text(memberOf(item, 'type')) ?? '';
      const ttl = this.read(item, `${place}/inner/${index}`, innerType);
      if (ttl === null) continue;
      const isText = innerType === 'text' && this.text(memberOf(item, 'text')) !== '';
      if (index + 1 < inner.length) this.isInvalid = true;
      // Of a marker inside anything else than a tool result or a document of text the rules say nothing.
      else if (!isText || (!isResult && type !== 'document')) this.isUnsure = true;
      else last = ttl;
    }
    return last;
  }
}

function isForbidden(judge: Judge, value: Tree, type: string): boolean {
  const isEmptyText = type === 'text' && judge.text(memberOf(value, 'text')) === '';
  return type === 'thinking' || type === 'redacted_thinking' || isEmptyText;
}

/** Every block that is written as one, in the order of the prompt. */
function blocksOf(judge: Judge, root: Tree): readonly JudgedBlock[] {
  const blocks: JudgedBlock[] = [];
  for (const [index, tool] of itemsOf(memberOf(root, 'tools')).entries()) {
    if (tool.kind !== 'object') continue;
    const deferred = memberOf(tool, 'defer_loading');
    const isDeferred = deferred !== undefined && judge.raw(deferred) === 'true';
    blocks.push({ place: `tools/${index}`, type: 'tool', value: tool, isForbidden: isDeferred });
  }
  const addContent = (content: Tree | undefined, place: string, isTurnScoped: boolean): void => {
    if (content?.kind === 'string') {
      blocks.push({
        place,
        type: 'text',
        value: content,
        isForbidden: isTurnScoped || judge.text(content) === '',
      });
    }
    for (const [index, value] of itemsOf(content).entries()) {
      if (value.kind !== 'object') continue;
      const type = judge.text(memberOf(value, 'type')) ?? '';
      const isRefused = isTurnScoped || isForbidden(judge, value, type);
      blocks.push({ place: `${place}/${index}`, type, value, isForbidden: isRefused });
    }
  };
  addContent(memberOf(root, 'system'), 'system', false);
  for (const [index, message] of itemsOf(memberOf(root, 'messages')).entries()) {
    const isSystem = judge.text(memberOf(message, 'role')) === 'system';
    const isTurnScoped = isSystem && judge.text(memberOf(message, 'clear_at')) === 'next_user_message';
    addContent(memberOf(message, 'content'), `messages/${index}`, isTurnScoped);
    if (memberOf(message, 'cache_control')) judge.isUnsure = true;
  }
  return blocks;
}

/** Judges the markers of a body; a body that is no JSON object has none. */
export function judgeMarkers(bytes: Buffer): Judgement {
  const judge = new Judge(bytes);
  const root = readTree(bytes);
  if (root?.kind !== 'object') return { verdict: 'unsure', markers: judge.markers, types: judge.types };
  const blocks = blocksOf(judge, root);
  const found: { ttl: Ttl; block: JudgedBlock | null }[] = [];
  for (const block of blocks) {
    const ttl = judge.readBlock(block);
    if (ttl !== null) found.push({ ttl, block });
  }
  const target = blocks.findLast((block) => !block.isForbidden);
  const top = judge.read(root, TOP_LEVEL, TOP_LEVEL);
  const onTarget = found.find(({ block }) => block === target);
  if (top !== null && onTarget && onTarget.ttl !== top) judge.isInvalid = true;
  if (top !== null) found.push({ ttl: top, block: null });
  if (found.length > 4) judge.isInvalid = true;
  const first5m = found.findIndex(({ ttl }) => ttl === '5m');
  if (first5m >= 0 && found.slice(first5m).some(({ ttl }) => ttl === '1h')) judge.isInvalid = true;
  const verdict = judge.isInvalid ? 'invalid' : judge.isUnsure ? 'unsure' : 'valid';
  return { verdict, markers: judge.markers, types: judge.types };
}
