import { READ_BYTES_MAX, type KeptBody, type RawBody } from './bodies.ts';
import { decodeBody } from './decode-body.ts';
import { redactEvents } from './redact-events.ts';
import { findInJson, findInText, type FindMore } from './redact-json.ts';
import { replaceSpans } from './spans.ts';

/** Characters at the end of what was read of a longer body: a secret may begin in them that cannot be known as one. */
const UNSURE_CHARACTERS = 4_096;

/** Characters that are kept of a header. */
const HEADER_CHARACTERS = 200;

/** A text without what is not to be kept: by its form, and then as it is written, whatever it is. */
export function redactText(text: string, findMore: FindMore): string {
  const start = text.trimStart().slice(0, 1);
  const isJson = start === '{' || start === '[' || start === '"';
  const redacted = isJson ? replaceSpans(text, findInJson(text, findMore)) : redactEvents(text, findMore);
  return replaceSpans(redacted, findInText(redacted, findMore));
}

/** The first bytes of a text, up to a whole character. */
function cutText(text: string, bytesMax: number): string {
  // Most texts are far below, and a character has three bytes at the most in each of its units.
  if (text.length * 3 <= bytesMax) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true });
}

/** A body as it is kept: decoded, without secrets and files, and cut. */
export function redactBody(raw: RawBody, bytesMax: number, findMore: FindMore): KeptBody {
  const { size, bytes } = raw;
  const facts = {
    contentType: redactText(raw.contentType.slice(0, HEADER_CHARACTERS), findMore),
    bytes: size,
  };
  const decoded = decodeBody(raw);
  if ('problem' in decoded) return { ...facts, text: null, isCut: false, problem: decoded.problem };
  const isPart = bytes.length < size;
  const whole = redactText(decoded.text, findMore);
  const sure = isPart ? whole.slice(0, -UNSURE_CHARACTERS) : whole;
  const text = cutText(sure, Math.min(bytesMax, READ_BYTES_MAX));
  return { ...facts, text, isCut: isPart || text.length < sure.length, problem: null };
}
