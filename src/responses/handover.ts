import type { EntryFacts, EntryFormat } from './entry.ts';
import type { AnswerForm } from './request.ts';
import type { HeaderMap } from './scope.ts';

/** A whole answer, whatever it says, as one process gives it to another. */
export interface Handover {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly form: AnswerForm;
  readonly bytes: Uint8Array;
}

/** No header has such a name. */
const STATUS = ':status';

/** What an entry says of its life, of which something that is handed over has none. */
const NO_LIFE: Omit<EntryFacts, 'form' | 'headers'> = {
  model: '',
  usage: {},
  createdMs: 0,
  freshUntilMs: 0,
  revalidateUntilMs: 0,
  errorUntilMs: 0,
  upstreamMs: 0,
  marks: {},
};

/** A name that no kept entry has, so that neither passes for the other. */
function nameOf(key: string, fence: string): string {
  return `${key}#${fence}`;
}

/** Seals an answer as entries are sealed: compressed, with a checksum, and encrypted where entries are. */
export function packHandover(
  format: EntryFormat,
  key: string,
  fence: string,
  handover: Handover,
): Uint8Array {
  const { status, headers, form, bytes } = handover;
  const facts = { ...NO_LIFE, form, headers: { ...headers, [STATUS]: String(status) } };
  return format.seal(nameOf(key, fence), { facts, bytes });
}

/** Null for bytes that are not what `packHandover` wrote for this key and fence. */
export function openHandover(
  format: EntryFormat,
  key: string,
  fence: string,
  packed: Uint8Array,
): Handover | null {
  const entry = format.open(nameOf(key, fence), packed);
  if (typeof entry === 'string') return null;
  const { [STATUS]: status, ...headers } = entry.facts.headers;
  return { status: Number(status), headers, form: entry.facts.form, bytes: entry.bytes };
}
