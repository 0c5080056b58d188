/** What a build has to say besides its plan. */
export type LayerFindingCode =
  | 'order-not-honoured'
  | 'reordered'
  | 'below-minimum'
  | 'near-minimum'
  | 'cannot-carry-marker'
  | 'rate-assumed'
  | 'model-unknown'
  | 'marker-removed'
  | 'volatile-text'
  | 'volatile-moved'
  | 'changes-too-often'
  | 'tools-reordered'
  | 'keys-reordered';

/** A place in the text of a block: UTF-8 bytes of the string at the path, the end exclusive. */
export interface TextPlace {
  /** Where the string stands in the request that was built, e.g. `system.1.text`. */
  readonly path: string;
  readonly startByte: number;
  readonly endByte: number;
}

/** One finding about one layer. */
export interface LayerFinding {
  readonly code: LayerFindingCode;
  /** Name of the layer; empty where it is about the whole prompt. */
  readonly layer: string;
  /** A sentence for people. */
  readonly sentence: string;
  /** null where it is not about a piece of text. */
  readonly place: TextPlace | null;
  /** What it costs with every request, in USD of input; null where that is not known or nothing. */
  readonly costUsd: number | null;
}

/** A finding about a layer as a whole. */
export function makeFinding(
  code: LayerFindingCode,
  layer: string,
  sentence: string,
  more: Partial<Pick<LayerFinding, 'place' | 'costUsd'>> = {},
): LayerFinding {
  return { code, layer, sentence, place: null, costUsd: null, ...more };
}
