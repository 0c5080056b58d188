/** A part of a text that is not kept, and what stands in its place. */
export interface Span {
  readonly from: number;
  /** Behind its last character. */
  readonly to: number;
  readonly by: string;
}

/** In their order and apart from each other: of two that overlap one is made, under the name of the first. */
function inOrder(spans: readonly Span[]): readonly Span[] {
  const apart: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    const last = apart.at(-1);
    if (!last || span.from >= last.to) apart.push(span);
    else if (span.to > last.to) apart[apart.length - 1] = { ...last, to: span.to };
  }
  return apart;
}

/** A text with its spans replaced. */
export function replaceSpans(text: string, spans: readonly Span[]): string {
  return replaceInPieces([text], spans)[0] ?? '';
}

/**
 * The same for a text that comes in pieces: a span over several of them is replaced where it begins, and taken out of the
 * others.
 *
 * @example replaceInPieces(['my sk-a', 'nt-1 is'], [{ from: 3, to: 11, by: '[gone]' }]) // ['my [gone]', ' is']
 */
export function replaceInPieces(pieces: readonly string[], spans: readonly Span[]): string[] {
  const apart = inOrder(spans);
  let first = 0;
  let at = 0;
  return pieces.map((piece) => {
    const end = at + piece.length;
    const parts: string[] = [];
    let from = at;
    for (let index = first; index < apart.length; index += 1) {
      const span = apart[index];
      if (!span || span.from >= end) break;
      parts.push(piece.slice(from - at, Math.max(from, span.from) - at));
      if (span.from >= at) parts.push(span.by);
      from = Math.min(end, span.to);
      if (span.to > end) break;
      first = index + 1;
    }
    parts.push(piece.slice(from - at));
    at = end;
    return parts.join('');
  });
}
