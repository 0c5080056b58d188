import { fromAscii, toAscii } from './ascii.ts';
import { PlannerStateError } from './planner-state-error.ts';

/** Numbers of one kind, as they lie in memory. */
export type Section = Float64Array | Int32Array;

const ALIGNMENT = 8;
/** Magic, version, bytes of the header. */
const PREAMBLE_WORDS = 4;
const MAGIC = 0x6c70_7743;
/** Goes up with every change of what the numbers mean. */
const VERSION = 2;

const KINDS = { f64: Float64Array, i32: Int32Array } as const;

interface Header {
  readonly extra: unknown;
  readonly sections: readonly (readonly [keyof typeof KINDS, number])[];
}

function kindOf(section: Section): keyof typeof KINDS {
  return section instanceof Float64Array ? 'f64' : 'i32';
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A piece of memory with a header and room for sections. */
export interface Frame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each section begins. */
  readonly places: readonly number[];
}

/**
 * A small header, and room for sections behind it, which are copied later: in the byte order of this machine, which the
 * magic number tells apart.
 */
export function frame(extra: unknown, sections: readonly Section[]): Frame {
  const header: Header = { extra, sections: sections.map((section) => [kindOf(section), section.length]) };
  const head = toAscii(header);
  let end = aligned(PREAMBLE_WORDS * 4 + head.length);
  const places = sections.map(({ byteLength }) => {
    const place = end;
    end += aligned(byteLength);
    return place;
  });
  const bytes = new Uint8Array(end);
  new Uint32Array(bytes.buffer, 0, PREAMBLE_WORDS).set([MAGIC, VERSION, head.length, 0]);
  bytes.set(head, PREAMBLE_WORDS * 4);
  return { bytes, places };
}

/** Copies a section into the room that it has. */
export function putSection(bytes: Uint8Array, place: number, section: Section): void {
  bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), place);
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
 * What was put into a frame.
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
