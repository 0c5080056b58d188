import { isObject, type JsonObject, type Level } from '../../core/index.ts';
import { makeFinding, type LayerFinding } from './finding.ts';
import {
  CHANGE_INTERVAL_MS,
  type ChangeFrequency,
  type Layer,
  type LayerKind,
  type LayerMessage,
  type PlainLayer,
} from './layer.ts';

/** Layers of one prompt; boundaries are chosen among them in a time that grows with the square. */
const LAYERS_MAX = 256;

/** The layer that volatile text is moved to. */
export const MOVED_NAME = 'moved text';

const LEVEL_OF: Readonly<Record<LayerKind, Level>> = {
  tools: 'tools',
  system: 'system',
  documents: 'messages',
  messages: 'messages',
};

function fail(name: string, sentence: string): never {
  throw new RangeError(`layer ${JSON.stringify(name)}: ${sentence}`);
}

function readInterval(name: string, changes: ChangeFrequency): number {
  const interval = typeof changes === 'number' ? changes : CHANGE_INTERVAL_MS[changes];
  if (!(interval >= 0)) fail(name, `changes must be a known word or a time in ms, got ${String(changes)}`);
  return interval;
}

/** A count or a rate that is given, or else null; declarations that were JSON have null for what is not. */
function readAmount(name: string, member: string, amount: number | null | undefined): number | null {
  if (amount === undefined || amount === null) return null;
  if (!(amount >= 0 && Number.isFinite(amount))) fail(name, `${member} must be 0 or more, got ${amount}`);
  return amount;
}

/** Collects the blocks whose markers were taken out, so that the caller can be told. */
class BlockReader {
  readonly #name: string;
  hadMarker = false;

  constructor(name: string) {
    this.#name = name;
  }

  readAll(content: unknown): readonly JsonObject[] {
    if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
    if (!Array.isArray(content)) fail(this.#name, 'its content must be a string or a list of blocks');
    return content.map((block: unknown) => this.#readOne(block));
  }

  #readOne(block: unknown): JsonObject {
    if (!isObject(block)) fail(this.#name, 'each block must be an object');
    if (!('cache_control' in block)) return block;
    this.hadMarker ||= (block['cache_control'] ?? null) !== null;
    const { cache_control: _marker, ...bare } = block;
    return bare;
  }
}

function readMessages(name: string, content: unknown, reader: BlockReader): readonly LayerMessage[] {
  const list: unknown = typeof content === 'string' ? [{ role: 'user', content }] : content;
  if (!Array.isArray(list)) fail(name, 'its messages must be a string or a list of messages');
  return list.map((message: unknown) => {
    if (!isObject(message)) fail(name, 'each message must be an object');
    return { message, blocks: reader.readAll(message['content']) };
  });
}

function kindOf(layer: Layer): LayerKind {
  const members = layer as unknown as JsonObject;
  const kinds = (Object.keys(LEVEL_OF) as LayerKind[]).filter((kind) => (members[kind] ?? null) !== null);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1)
    fail(layer.name, `one of ${Object.keys(LEVEL_OF).join(', ')} must hold its content`);
  return kind;
}

function readLayer(layer: Layer, findings: LayerFinding[]): PlainLayer {
  const { name, changes } = layer;
  const kind = kindOf(layer);
  const reader = new BlockReader(name);
  const content: unknown = (layer as unknown as JsonObject)[kind];
  const appends = 'appendsTokens' in layer ? layer.appendsTokens : undefined;
  const plain: PlainLayer = {
    name,
    kind,
    level: LEVEL_OF[kind],
    changes,
    changeIntervalMs: readInterval(name, changes),
    measuredTokens: readAmount(name, 'tokens', layer.tokens),
    requestsPerHour: readAmount(name, 'requestsPerHour', layer.requestsPerHour),
    appendsTokens: readAmount(name, 'appendsTokens', appends) ?? 0,
    blocks: kind === 'messages' ? [] : reader.readAll(content),
    messages: kind === 'messages' ? readMessages(name, content, reader) : [],
  };
  if (reader.hadMarker)
    findings.push(
      makeFinding('marker-removed', name, `the markers in ${name} were taken out: layers place their own`),
    );
  return plain;
}

/**
 * Brings declared layers into one form: content as blocks, markers taken out, frequencies in ms.
 *
 * @throws RangeError that names the layer, where a declaration makes no sense.
 */
export function readLayers(declared: readonly Layer[]): {
  readonly layers: readonly PlainLayer[];
  readonly findings: readonly LayerFinding[];
} {
  if (declared.length > LAYERS_MAX)
    throw new RangeError(`a prompt has at most ${LAYERS_MAX} layers, got ${declared.length}`);
  const findings: LayerFinding[] = [];
  const names = new Set<string>([MOVED_NAME]);
  const layers = declared.map((layer, index) => {
    if (typeof layer.name !== 'string' || layer.name === '') fail(`number ${index + 1}`, 'it needs a name');
    if (names.has(layer.name)) fail(layer.name, 'the name is taken');
    names.add(layer.name);
    return readLayer(layer, findings);
  });
  return { layers, findings };
}
