import { expect, it } from 'vitest';
import { sha256Text } from './hash.ts';

it('is SHA-256 of UTF-8 in base64url', () => {
  expect(sha256Text('')).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
  expect(Buffer.from(sha256Text('abc'), 'base64url').toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(sha256Text('é')).not.toBe(sha256Text('e\u0301'));
});
