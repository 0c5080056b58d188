import { PlannerStateError } from './planner-state-error.ts';

const CHUNK = 8192;

/** JSON in ASCII, which needs no decoder: what lies outside is escaped. */
export function toAscii(value: unknown): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(value).replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * The value that `toAscii` was given.
 *
 * @throws PlannerStateError where the bytes are something else; `what` names them
 */
export function fromAscii(bytes: Uint8Array, what: string): unknown {
  try {
    const chunks: string[] = [];
    for (let at = 0; at < bytes.length; at += CHUNK)
      chunks.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
    return JSON.parse(chunks.join(''));
  } catch {
    throw new PlannerStateError(`${what} cannot be read`);
  }
}
