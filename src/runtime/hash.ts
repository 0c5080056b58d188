import { hash } from 'node:crypto';

/** SHA-256 of a text as base64url: the hash function that `core` takes as a parameter. */
export function sha256Text(text: string): string {
  return hash('sha256', text, 'base64url');
}
