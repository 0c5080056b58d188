import {
  pathText,
  readMarkers,
  readPrompt,
  type Block,
  type Catalogue,
  type JsonObject,
  type Level,
  type Ttl,
} from '../core/index.ts';
import { dropMembers, replaceBlock, setMember } from './edit-body.ts';
import type { WarmRefusal } from './prompt.ts';

/** How far a prompt is shared, and for how long it should live. */
export interface SharedOptions {
  /** The last level that other requests have in common. @default all of the prompt, or up to the client's last marker */
  readonly shared: Level | null;
  /** TTL of every marker. @default the client's own, and 5m where a marker is added */
  readonly ttl: Ttl | null;
  readonly catalogue: Catalogue;
}

/** A body with markers where requests should find an entry, and with none where they would not. */
export interface MarkedBody {
  readonly body: JsonObject;
  /** Paths of the marked blocks in prompt order; the last one ends what is shared. */
  readonly targets: readonly Target[];
}

export interface Target {
  /** The path that the block has in the marked body. */
  readonly path: string;
  readonly level: Level;
  readonly messageIndex: number;
  readonly ttl: Ttl;
}

interface Mark {
  readonly block: Block;
  readonly ttl: Ttl;
}

const LEVELS: readonly Level[] = ['tools', 'system', 'messages'];

const isWithin = (block: Block, shared: Level | null): boolean =>
  shared === null || LEVELS.indexOf(block.level) <= LEVELS.indexOf(shared);

/** The content that is most often followed by something of the asker's own. */
const CONTENT_TYPES: ReadonlySet<string> = new Set(['document', 'search_result', 'image']);

/**
 * Where entries are wanted in a prompt without markers: at its end, and where another request may leave its path: after
 * the system prompt, after the documents, after the tools. What lies below the last breakpoint costs nothing (spec 4.5).
 */
function layerEnds(blocks: readonly Block[]): readonly Block[] {
  const carriers = blocks.filter((block) => block.canCarryMarker && block.isDocumentedCarrier);
  const ends = [
    carriers.at(-1),
    carriers.findLast(({ level }) => level === 'system'),
    carriers.findLast(({ level, type }) => level === 'messages' && CONTENT_TYPES.has(type)),
    carriers.findLast(({ level }) => level === 'tools'),
  ];
  return [...new Set(ends.filter((block) => block !== undefined))];
}

function byPath(blocks: readonly Block[]): ReadonlyMap<string, Block> {
  return new Map(blocks.map((block) => [pathText(block.path), block]));
}

/**
 * Markers that are kept or added, with the TTLs that the client or the option says. At most four: where one is added to
 * the client's, it takes the place of the top-level one, which counts as well (spec 1.6).
 */
function chooseMarks(
  blocks: readonly Block[],
  explicit: readonly Mark[],
  automatic: Ttl | null,
  { ttl }: SharedOptions,
): readonly Mark[] {
  const kept = explicit.map((mark) => ({ ...mark, ttl: ttl ?? mark.ttl }));
  if (kept.length > 0 && automatic === null) return kept;
  const added = ttl ?? automatic ?? '5m';
  // Beside markers of the client's own, only what automatic caching would mark: others could break the order of TTLs.
  const ends = kept.length > 0 ? layerEnds(blocks).slice(0, 1) : layerEnds(blocks);
  const free = ends.filter((end) => !kept.some(({ block }) => block === end));
  return [...kept, ...free.map((block) => ({ block, ttl: added }))];
}

function writeMarks(
  body: JsonObject,
  blocks: readonly Block[],
  marked: ReadonlySet<string>,
  marks: readonly Mark[],
): JsonObject {
  const ttlOf = new Map(marks.map(({ block, ttl }) => [block, ttl]));
  // The top-level marker would land on what is put behind the shared part (spec 10.2).
  let written = dropMembers(body, ['cache_control']);
  for (const block of blocks) {
    const ttl = ttlOf.get(block);
    if (!ttl && !marked.has(pathText(block.path))) continue;
    const marker = ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
    const value = ttl ? setMember(block.value, 'cache_control', marker) : block.value;
    written = replaceBlock(written, block.path, block.isString, value);
  }
  return written;
}

const refuse = (code: WarmRefusal['code'], message: string): { readonly refusal: WarmRefusal } => ({
  refusal: { code, message },
});

/**
 * Puts a marker on the last shared block of a body, and, where the client has none, where else requests may leave the
 * common path. Markers of the client are kept, top-level ones made explicit. Never more than four.
 */
export function markShared(
  body: JsonObject,
  options: SharedOptions,
): MarkedBody | { readonly refusal: WarmRefusal } {
  const markers = readMarkers(body);
  if ('problem' in markers)
    return refuse('bad-markers', `the API would refuse it: ${markers.problem.message}`);
  const { blocks } = readPrompt(body, { catalogue: options.catalogue });
  const shared = blocks.filter((block) => isWithin(block, options.shared));
  const known = byPath(shared);
  const explicit = markers.explicit.flatMap(({ block, ttl }) => {
    const found = known.get(pathText(block.path));
    return found ? [{ block: found, ttl }] : [];
  });
  const marks = chooseMarks(shared, explicit, markers.automatic, options);
  if (marks.length === 0) return refuse('nothing-shared', 'it has no block that a marker may stand on');
  const marked = new Set(markers.explicit.map(({ block }) => pathText(block.path)));
  const ordered = blocks.flatMap((block) => marks.filter((mark) => mark.block === block));
  const targets = ordered.map(({ block, ttl }): Target => {
    const path = block.isString ? [...block.path, 0] : block.path;
    const messageIndex = block.level === 'messages' ? Number(block.path[1]) : -1;
    return { path: pathText(path), level: block.level, messageIndex, ttl };
  });
  return { body: writeMarks(body, blocks, marked, marks), targets };
}
