import { expect, test } from 'vitest';

import { SeenKeys } from './seen-keys.ts';

const keys = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `msg_${index}\nreq`);

test('each key is new once', () => {
  const seen = new SeenKeys();
  const list = keys(50_000);
  expect(list.every((key) => seen.add(key))).toBe(true);
  expect(list.some((key) => seen.add(key))).toBe(false);
});

test('remembers at least one generation, and forgets older keys', () => {
  const seen = new SeenKeys(1000);
  const list = keys(3000);
  for (const key of list) seen.add(key);
  expect(list.slice(2000).some((key) => seen.add(key))).toBe(false);
  expect(seen.add('msg_0\nreq')).toBe(true);
});
