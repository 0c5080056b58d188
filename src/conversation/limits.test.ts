import { expect, it } from 'vitest';

import { resolveModel } from '../core/index.ts';
import { readLimits } from './limits.ts';

it.each([
  ['two fifths', 'claude-opus-4-6', 100_000, 40_000],
  ['more, where two fifths could not be cached', 'claude-opus-4-6', 12_000, 5_120],
  ['as much as can just be cached under a tight limit', 'claude-opus-4-6', 5_000, 4_341],
  ['two fifths, where nothing under the limit can be cached', 'claude-opus-4-6', 4_400, 1_760],
  ['two fifths of a low limit, where that can be cached', 'claude-sonnet-5-5', 4_400, 1_760],
])('a cut leaves %s: %s, %i tokens', (_what, model, highTokens, lowTokens) => {
  expect(readLimits({ highTokens }, resolveModel(model).facts, 0).lowTokens).toBe(lowTokens);
});
