import { expect, test } from 'vitest';

import { Sampler } from './sampler.ts';

test('looks at the first, later at about one in thirty-two, and each stands for those passed over', () => {
  const sampler = new Sampler();
  const weights = Array.from({ length: 10_000 }, () => sampler.next());
  expect(weights.slice(0, 32).every((weight) => weight === 1)).toBe(true);
  const chosen = weights.filter((weight) => weight > 0);
  expect(chosen.length - 32).toBeGreaterThan((10_000 - 32) / 40);
  expect(chosen.length - 32).toBeLessThan((10_000 - 32) / 24);
  const sum = chosen.reduce((total, weight) => total + weight, 0);
  expect(sum).toBeGreaterThan(10_000 - 80);
  expect(sum).toBeLessThanOrEqual(10_000);
});

test('keeps no step with requests that come in turns', () => {
  const sampler = new Sampler();
  const byTurn = Array.from({ length: 12 }, () => 0);
  for (let request = 0; request < 24_000; request += 1)
    if (sampler.next() > 0) byTurn[request % 12] = (byTurn[request % 12] ?? 0) + 1;
  for (const count of byTurn) expect(count).toBeGreaterThan(40);
});
