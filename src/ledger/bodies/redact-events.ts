import { findInJson, findInMember, type FindMore } from './redact-json.ts';
import { replaceInPieces, replaceSpans } from './spans.ts';

type Members = Record<string, unknown>;

/** A part of a text that comes in several events. */
interface Piece {
  readonly delta: Members;
  readonly member: string;
  readonly text: string;
}

const DATA = /^data: ?/;

function asMembers(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null;
}

function parse(json: string): Members | null {
  try {
    return asMembers(JSON.parse(json));
  } catch {
    return null;
  }
}

/** Replaces what is not to be kept in a text that comes in pieces. */
function redactPieces(pieces: readonly Piece[], findMore: FindMore): void {
  const texts = pieces.map(({ text }) => text);
  const [first] = pieces;
  const whole = texts.join('');
  const spans =
    first?.member === 'partial_json' ? findInJson(whole, findMore) : findInMember(null, whole, findMore);
  if (spans.length === 0) return;
  for (const [index, text] of replaceInPieces(texts, spans).entries()) {
    const piece = pieces[index];
    if (piece) piece.delta[piece.member] = text;
  }
}

/**
 * The events of a streamed answer without what is not to be kept. Texts come in deltas, which are put together for this: a
 * secret of which each event has a part is found as well. Events without any stay byte for byte.
 */
export function redactEvents(text: string, findMore: FindMore): string {
  const lines = text.split('\n');
  const deltas = new Map<number, { readonly event: Members; readonly before: string }>();
  const texts = new Map<string, Piece[]>();
  for (const [index, line] of lines.entries()) {
    const [start] = DATA.exec(line) ?? [];
    if (start === undefined) continue;
    const json = line.slice(start.length);
    const event = parse(json);
    const delta = event?.['type'] === 'content_block_delta' ? asMembers(event['delta']) : null;
    if (!event || !delta) {
      lines[index] = start + replaceSpans(json, findInJson(json, findMore));
      continue;
    }
    deltas.set(index, { event, before: JSON.stringify(event) });
    for (const [member, part] of Object.entries(delta)) {
      if (member === 'type' || typeof part !== 'string') continue;
      const place = `${String(event['index'])} ${member}`;
      const pieces = texts.get(place) ?? [];
      texts.set(place, pieces);
      pieces.push({ delta, member, text: part });
    }
  }
  for (const pieces of texts.values()) redactPieces(pieces, findMore);
  for (const [index, { event, before }] of deltas) {
    const json = JSON.stringify(event);
    if (json !== before) lines[index] = `data: ${json}`;
  }
  return lines.join('\n');
}
