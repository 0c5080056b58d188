import { describe, expect, test } from 'vitest';

import { generateWorkload } from '../../src/replay/synthetic/index.ts';
import { overBound } from './replayed.ts';

/** Made traffic, and how far above the lower bound the planner may stay on it. */
const LIMITS = [
  ['chats', 1.14],
  ['agents', 1.06],
  ['rag', 1.32],
  ['poisson-6', 1.08],
  ['cadence-20min', 1.03],
] as const;

describe('cost over the lower bound', () => {
  test.each(LIMITS)('%s: at most %d', (name, most) => {
    const ratio = overBound(generateWorkload(name));
    expect(ratio).toBeLessThanOrEqual(most);
    expect(ratio).toBeGreaterThanOrEqual(1);
  });

  test('every five minutes sharp, and every hour sharp, as schedules have it: entries have just expired', () => {
    const every = (period: number, hours: number): number =>
      overBound(generateWorkload('cadence-20min', { period, hours, jitter: 0 }));
    expect(every(300, 50)).toBeLessThanOrEqual(1.03);
    expect(every(299, 50)).toBeLessThanOrEqual(1.03);
  });
});
