import { readImageSize, type ImageSize } from './image-size.ts';
import {
  makeEstimate,
  TOKENIZER_PROFILES,
  type TokenEstimate,
  type TokenizerGeneration,
} from './profiles.ts';

/** Anthropic's rule: tokens = width x height / 750, after scaling down. */
const PIXELS_PER_TOKEN = 750;
const SIZED_IMAGE_BAND = 0.15;
/** An image whose size cannot be seen. */
const UNSIZED_IMAGE_TOKENS = 1_500;
const UNSIZED_IMAGE_LOW = 100;

/** A PDF page of text and some graphics; scans have more bytes a page, plain text fewer. */
const PDF_BYTES_PER_PAGE = 50_000;
const MAX_PDF_PAGES = 600;
const PDF_BAND_FACTOR = 4;
/** A document given by address or file id: how long it is cannot be known here. */
const UNSEEN_DOCUMENT_PAGES = 3;
const UNSEEN_DOCUMENT_LOW = 200;
const UNSEEN_DOCUMENT_BAND_FACTOR = 20;

const BYTES_PER_BASE64_CHAR = 0.75;

function scaledTokens(size: ImageSize, generation: TokenizerGeneration): number {
  const { maxImageEdgePixels, maxImageTokens } = TOKENIZER_PROFILES[generation];
  const scale = Math.min(1, maxImageEdgePixels / Math.max(size.width, size.height));
  return Math.min(maxImageTokens, (size.width * scale * size.height * scale) / PIXELS_PER_TOKEN);
}

/** An image given as base64: by its size where the header tells it, else a guess with a wide band. */
export function estimateImage(base64: string, generation: TokenizerGeneration): TokenEstimate {
  const size = readImageSize(base64);
  if (size === null) return estimateUnseenImage(generation);
  const tokens = Math.max(1, scaledTokens(size, generation));
  return makeEstimate(tokens, tokens * (1 - SIZED_IMAGE_BAND), tokens * (1 + SIZED_IMAGE_BAND));
}

/** An image given by address or file id. */
export function estimateUnseenImage(generation: TokenizerGeneration): TokenEstimate {
  const { maxImageTokens } = TOKENIZER_PROFILES[generation];
  return makeEstimate(UNSIZED_IMAGE_TOKENS, UNSIZED_IMAGE_LOW, maxImageTokens * (1 + SIZED_IMAGE_BAND));
}

/** A PDF given as base64: pages are guessed from its bytes. */
export function estimatePdf(base64: string, generation: TokenizerGeneration): TokenEstimate {
  const bytes = base64.length * BYTES_PER_BASE64_CHAR;
  const pages = Math.min(MAX_PDF_PAGES, Math.max(1, Math.round(bytes / PDF_BYTES_PER_PAGE)));
  const tokens = pages * TOKENIZER_PROFILES[generation].pdfPageTokens;
  return makeEstimate(tokens, tokens / PDF_BAND_FACTOR, tokens * PDF_BAND_FACTOR);
}

/** A document given by address or file id. */
export function estimateUnseenDocument(generation: TokenizerGeneration): TokenEstimate {
  const tokens = UNSEEN_DOCUMENT_PAGES * TOKENIZER_PROFILES[generation].pdfPageTokens;
  return makeEstimate(tokens, UNSEEN_DOCUMENT_LOW, tokens * UNSEEN_DOCUMENT_BAND_FACTOR);
}
