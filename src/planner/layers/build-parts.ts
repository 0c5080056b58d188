import type { BlockPath, JsonObject, Ttl } from '../../core/index.ts';
import { blocksOf, type LayerMessage, type PlainLayer } from './layer.ts';

/** A block of the request that layers are built into, with the layer that it comes from. */
export interface PlacedBlock {
  readonly layer: string;
  /** Which of the layer's own blocks it is. */
  readonly indexInLayer: number;
  /** Where it stands in the request; the path of a string where the content is one. */
  readonly path: BlockPath;
  readonly value: JsonObject;
}

/** A request's parts as plain JSON. */
export interface PlainParts {
  readonly tools?: readonly JsonObject[];
  readonly system?: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

/** A message while it is put together; documents may join it from both sides. */
interface OpenMessage {
  readonly message: JsonObject;
  readonly blocks: { readonly layer: string; readonly indexInLayer: number; readonly value: JsonObject }[];
}

/** The blocks of ordered layers, and where each stands in the request. */
export interface LaidOut {
  readonly tools: readonly PlacedBlock[];
  readonly system: readonly PlacedBlock[];
  readonly messages: readonly { readonly message: JsonObject; readonly blocks: readonly PlacedBlock[] }[];
}

function placeLevel(layers: readonly PlainLayer[], level: 'tools' | 'system'): readonly PlacedBlock[] {
  const own = layers.filter((layer) => layer.level === level);
  return own
    .flatMap((layer) =>
      layer.blocks.map((value, indexInLayer) => ({ layer: layer.name, indexInLayer, value })),
    )
    .map((block, index) => ({ ...block, path: [level, index] }));
}

/** Only role and content: then a message can be part of a longer one. */
function isPlainUser({ message }: OpenMessage): boolean {
  return (
    message['role'] === 'user' && Object.keys(message).every((name) => name === 'role' || name === 'content')
  );
}

/** Layers of documents become part of the user's message beside them, or a message of the user. */
function openMessages(layers: readonly PlainLayer[]): readonly OpenMessage[] {
  const opened: OpenMessage[] = [];
  let isOnlyDocuments = false;
  const add = (
    layer: PlainLayer,
    { message, blocks }: LayerMessage,
    offset: number,
    canJoin: boolean,
  ): void => {
    const next: OpenMessage = {
      message,
      blocks: blocks.map((value, index) => ({ layer: layer.name, indexInLayer: offset + index, value })),
    };
    const last = opened.at(-1);
    if (canJoin && last && isPlainUser(last) && isPlainUser(next)) last.blocks.push(...next.blocks);
    else opened.push(next);
  };
  for (const layer of layers) {
    if (layer.kind === 'documents') {
      if (layer.blocks.length === 0) continue;
      add(layer, { message: { role: 'user', content: [] }, blocks: layer.blocks }, 0, true);
      isOnlyDocuments = true;
    } else if (layer.kind === 'messages') {
      let offset = 0;
      for (const message of layer.messages) {
        add(layer, message, offset, isOnlyDocuments);
        offset += message.blocks.length;
        isOnlyDocuments = false;
      }
    }
  }
  return opened;
}

/** Gives every block of ordered layers its place in the request. */
export function layOut(layers: readonly PlainLayer[]): LaidOut {
  const messages = openMessages(layers).map(({ message, blocks }, index) => ({
    message,
    blocks: blocks.map((block, at) => ({ ...block, path: ['messages', index, 'content', at] })),
  }));
  return { tools: placeLevel(layers, 'tools'), system: placeLevel(layers, 'system'), messages };
}

/** All placed blocks, in prompt order. */
export function placedBlocks(laidOut: LaidOut): readonly PlacedBlock[] {
  return [...laidOut.tools, ...laidOut.system, ...laidOut.messages.flatMap(({ blocks }) => blocks)];
}

/** A tool that stays out of the prefix until it is loaded (spec 6). */
function isDeferredTool({ path, value }: PlacedBlock): boolean {
  return path[0] === 'tools' && value['defer_loading'] === true;
}

/** The last block of a layer that is in the prefix; null where it has none. */
export function lastBlockOf(laidOut: LaidOut, layer: PlainLayer): PlacedBlock | null {
  const isOwn = (block: PlacedBlock): boolean => block.layer === layer.name && !isDeferredTool(block);
  return placedBlocks(laidOut).findLast(isOwn) ?? null;
}

/** The blocks of a layer that are rendered into the prefix. */
export function renderedBlocks(layer: PlainLayer): readonly JsonObject[] {
  return blocksOf(layer).filter((block) => layer.kind !== 'tools' || block['defer_loading'] !== true);
}

/** The request's parts, with a marker on each block that has a TTL by its path. */
export function writeParts(laidOut: LaidOut, ttls: ReadonlyMap<string, Ttl>): PlainParts {
  const write = ({ path, value }: PlacedBlock): JsonObject => {
    const ttl = ttls.get(path.join('.'));
    if (ttl === undefined) return value;
    return { ...value, cache_control: ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' } };
  };
  const messages = laidOut.messages.map(({ message, blocks }): JsonObject => {
    // A string stays one where it can: it is the same prefix (spec 1.3), and what the caller wrote.
    const isAsGiven = typeof message['content'] === 'string' && blocks.length <= 1;
    if (isAsGiven && blocks.every(({ path }) => !ttls.has(path.join('.')))) return message;
    return { ...message, content: blocks.map(write) };
  });
  return {
    ...(laidOut.tools.length > 0 && { tools: laidOut.tools.map(write) }),
    ...(laidOut.system.length > 0 && { system: laidOut.system.map(write) }),
    messages,
  };
}
