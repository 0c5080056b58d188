/** Width and height in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** How much of the base64 is looked at: JPEG may carry previews and colour profiles before its size. */
const MAX_HEADER_CHARS = 65_536;
/** Enough for PNG, GIF and WebP, and to tell a JPEG. */
const SHORT_HEADER_CHARS = 64;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NOT_BASE64 = 255;

function buildSextets(): Uint8Array {
  const sextets = new Uint8Array(128).fill(NOT_BASE64);
  for (let index = 0; index < ALPHABET.length; index += 1) sextets[ALPHABET.charCodeAt(index)] = index;
  sextets['-'.charCodeAt(0)] = 62;
  sextets['_'.charCodeAt(0)] = 63;
  return sextets;
}

const SEXTETS = /* @__PURE__ */ buildSextets();

/** The first bytes of base64; characters outside the alphabet are passed over. */
function decodePrefix(base64: string, maxChars: number): Uint8Array {
  const chars = Math.min(base64.length, maxChars);
  const bytes = new Uint8Array(Math.floor((chars * 3) / 4));
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  for (let index = 0; index < chars; index += 1) {
    const sextet = SEXTETS[base64.charCodeAt(index)] ?? NOT_BASE64;
    if (sextet === NOT_BASE64) continue;
    bits = ((bits << 6) | sextet) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[length] = (bits >> bitCount) & 0xff;
    length += 1;
  }
  return bytes.subarray(0, length);
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function bigEndian16(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) * 0x100 + byteAt(bytes, at + 1);
}

function littleEndian16(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at + 1) * 0x100 + byteAt(bytes, at);
}

function littleEndian24(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at + 2) * 0x10000 + littleEndian16(bytes, at);
}

function startsWith(bytes: Uint8Array, at: number, ascii: string): boolean {
  for (let index = 0; index < ascii.length; index += 1) {
    if (bytes[at + index] !== ascii.charCodeAt(index)) return false;
  }
  return true;
}

function readPng(bytes: Uint8Array): ImageSize {
  return {
    width: bigEndian16(bytes, 16) * 0x10000 + bigEndian16(bytes, 18),
    height: bigEndian16(bytes, 20) * 0x10000 + bigEndian16(bytes, 22),
  };
}

function readWebp(bytes: Uint8Array): ImageSize {
  if (startsWith(bytes, 12, 'VP8X')) {
    return { width: littleEndian24(bytes, 24) + 1, height: littleEndian24(bytes, 27) + 1 };
  }
  if (startsWith(bytes, 12, 'VP8L')) {
    const packed = littleEndian24(bytes, 21);
    const upper = (packed >> 14) | (byteAt(bytes, 24) << 10);
    return { width: (packed & 0x3fff) + 1, height: (upper & 0x3fff) + 1 };
  }
  return { width: littleEndian16(bytes, 26) & 0x3fff, height: littleEndian16(bytes, 28) & 0x3fff };
}

/** True for the segments that give the size of a JPEG: start of frame, all kinds. */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function readJpeg(bytes: Uint8Array): ImageSize | null {
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = byteAt(bytes, at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isFrameMarker(marker))
      return { width: bigEndian16(bytes, at + 7), height: bigEndian16(bytes, at + 5) };
    at += 2 + Math.max(2, bigEndian16(bytes, at + 2));
  }
  return null;
}

function readSize(base64: string): ImageSize | null {
  const bytes = decodePrefix(base64, SHORT_HEADER_CHARS);
  if (startsWith(bytes, 1, 'PNG')) return readPng(bytes);
  if (startsWith(bytes, 0, 'GIF8'))
    return { width: littleEndian16(bytes, 6), height: littleEndian16(bytes, 8) };
  if (startsWith(bytes, 0, 'RIFF') && startsWith(bytes, 8, 'WEBP')) return readWebp(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return readJpeg(decodePrefix(base64, MAX_HEADER_CHARS));
  return null;
}

/**
 * Size of a PNG, GIF, JPEG or WebP from the beginning of its base64; null where it cannot be read. Decodes at
 * most 64 KiB of characters, whatever the length.
 */
export function readImageSize(base64: string): ImageSize | null {
  const size = readSize(base64);
  return size !== null && size.width > 0 && size.height > 0 ? size : null;
}
