import { hash } from 'node:crypto';

/** SHA-256 of a text as base64url: the hash function that `core` takes as a parameter. */
export function sha256Text(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** The same hash of the text that these bytes are in UTF-8. */
export function sha256Bytes(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url');
}
