import { decoderFor } from './encodings.ts';

/** Longest error answer that is unpacked to see what it is about. */
const ERROR_BYTES_MAX = 1024 * 1024;

function decodeError(body: Uint8Array, encoding: string): string {
  const decoder = decoderFor(encoding);
  if (decoder === null || decoder === 'plain') return Buffer.from(body).toString('utf8');
  try {
    return decoder.whole(body, { maxOutputLength: ERROR_BYTES_MAX }).toString('utf8');
  } catch {
    return '';
  }
}

/** Does an error answer name a member of the request, such as `cache_control`? */
export function names(member: string, body: Uint8Array, encoding: string): boolean {
  return decodeError(body, encoding).includes(member);
}
