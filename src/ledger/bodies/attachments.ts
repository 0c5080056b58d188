import { createHash } from 'node:crypto';

import type { Span } from './spans.ts';

/** A text that is nothing but so much base64 is a file: an image, a document, a signature. */
const FILE_CHARACTERS_MIN = 256;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** A file within a text, as browsers write them. */
const DATA_URL = /data:[\w.+-]{1,60}\/[\w.+-]{1,60}(?:;[\w=.+-]{1,60}){0,4};base64,/g;
const DATA = /[A-Za-z0-9+/_-]*={0,2}/y;
const DATA_CHARACTERS_MIN = 64;

/** What stands in place of a file: enough to tell whether two are the same one, and to compare it with one on a disk. */
function describe(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  return `[${bytes.length} bytes in base64, sha256 ${createHash('sha256').update(bytes).digest('hex')}]`;
}

/** Does a text consist of base64 alone, and of much? */
export function isFile(text: string): boolean {
  return text.length >= FILE_CHARACTERS_MIN && BASE64.test(text);
}

/** What stands for the whole of such a text. */
export function fileSpan(text: string): Span {
  return { from: 0, to: text.length, by: describe(text) };
}

/** Files that are written into a text as `data:` URLs. */
export function* findDataUrls(text: string): Generator<Span> {
  DATA_URL.lastIndex = 0;
  for (let found = DATA_URL.exec(text); found; found = DATA_URL.exec(text)) {
    const from = DATA_URL.lastIndex;
    DATA.lastIndex = from;
    const [data = ''] = DATA.exec(text) ?? [];
    DATA_URL.lastIndex = from + data.length;
    if (data.length >= DATA_CHARACTERS_MIN) yield { from, to: from + data.length, by: describe(data) };
  }
}
