import { fromAscii, toAscii } from './ascii.ts';
import { PlannerStateError } from './planner-state-error.ts';

/** Numbers of one kind, as they lie in memory. */
export type Section = Float64Array | Float32Array | Int32Array;

const ALIGNMENT = 8;
/** Magic, version, bytes of the header. */
const PREAMBLE_WORDS = 4;
const MAGIC = 0x6c70_7743;
/** Goes up with every change of what the numbers mean. */
const VERSION = 1;

const KINDS = { f64: Float64Array, f32: Float32Array, i32: Int32Array } as const;

interface Header {
  readonly extra: unknown;
  readonly sections: readonly (readonly [keyof typeof KINDS, number])[];
}

function kindOf(section: Section): keyof typeof KINDS {
  if (section instanceof Float64Array) return 'f64';
  return section instanceof Float32Array ? 'f32' : 'i32';
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * Columns and a small header in one piece of memory: a copy, in the byte order of this machine, which the magic number
 * tells apart.
 */
export function pack(extra: unknown, sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const header: Header = { extra, sections: sections.map((section) => [kindOf(section), section.length]) };
  const head = toAscii(header);
  let at = aligned(PREAMBLE_WORDS * 4 + head.length);
  const packed = new Uint8Array(sections.reduce((sum, { byteLength }) => sum + aligned(byteLength), at));
  new Uint32Array(packed.buffer, 0, PREAMBLE_WORDS).set([MAGIC, VERSION, head.length, 0]);
  packed.set(head, PREAMBLE_WORDS * 4);
  for (const section of sections) {
    packed.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at);
    at += aligned(section.byteLength);
  }
  return packed;
}

function readHeader(bytes: Uint8Array): Header {
  const header = fromAscii(bytes, 'the header of the saved state');
  if (isHeader(header)) return header;
  throw new PlannerStateError('the header of the saved state is none');
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null || !('sections' in value) || !('extra' in value))
    return false;
  const { sections } = value;
  return Array.isArray(sections) && sections.every(isSectionHead);
}

function isSectionHead(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [kind, length] = value as readonly unknown[];
  return typeof kind === 'string' && kind in KINDS && Number.isSafeInteger(length) && Number(length) >= 0;
}

/**
 * What `pack` made.
 *
 * @throws PlannerStateError where it is something else, or of another version
 */
export function unpack(bytes: Uint8Array): { extra: unknown; sections: readonly Section[] } {
  if (bytes.length < PREAMBLE_WORDS * 4) throw new PlannerStateError('the saved state is cut off');
  // A copy begins at an address that numbers may stand at.
  const copy = new Uint8Array(bytes);
  const [magic, version, headLength = 0] = new Uint32Array(copy.buffer, 0, PREAMBLE_WORDS);
  if (magic !== MAGIC) throw new PlannerStateError('this is no saved state of a planner of this machine');
  if (version !== VERSION)
    throw new PlannerStateError(`the saved state is of version ${version}; this one reads ${VERSION}`);
  const { extra, sections: heads } = readHeader(
    copy.subarray(PREAMBLE_WORDS * 4, PREAMBLE_WORDS * 4 + headLength),
  );
  let at = aligned(PREAMBLE_WORDS * 4 + headLength);
  const sections = heads.map(([kind, length]) => {
    const Kind = KINDS[kind];
    if (at + length * Kind.BYTES_PER_ELEMENT > copy.length)
      throw new PlannerStateError('the saved state is cut off');
    const section = new Kind(copy.buffer, at, length);
    at += aligned(section.byteLength);
    return section;
  });
  return { extra, sections };
}
