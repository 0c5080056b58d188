import { describe, expect, it } from 'vitest';
import type { Placement, Plan } from '../planner/index.ts';
import { createRefusedPlans } from './refused-plans.ts';

function planOf(...added: readonly Partial<Placement>[]): Plan {
  const whole = added.map((placement): Placement => ({
    blockIndex: 0,
    path: [],
    ttl: '5m',
    place: 'tail',
    reason: 'why',
    ...placement,
  }));
  return { added: whole, declined: [], breakpoints: [] };
}

describe('refused plans', () => {
  it('are known again by what the service sees of them, not by their text or place in the prompt', () => {
    const refused = createRefusedPlans();
    refused.add('scope', 'model', planOf({ blockIndex: 1, path: ['system'] }), ['text']);
    expect(
      refused.has('scope', 'model', planOf({ blockIndex: 9, path: ['system', 3], reason: 'other' }), [
        'text',
      ]),
    ).toBe(true);
    expect(refused.has('other', 'model', planOf({}), ['text'])).toBe(false);
    expect(refused.has('scope', 'other', planOf({}), ['text'])).toBe(false);
    expect(refused.has('scope', 'model', planOf({ ttl: '1h' }), ['text'])).toBe(false);
    expect(refused.has('scope', 'model', planOf({ place: 'system-end' }), ['text'])).toBe(false);
    expect(refused.has('scope', 'model', planOf({}), ['image'])).toBe(false);
    expect(refused.has('scope', 'model', planOf({}, {}), ['text', 'text'])).toBe(false);
  });

  it('are forgotten from the oldest on, so that they never fill the memory', () => {
    const refused = createRefusedPlans();
    for (let index = 0; index <= 10_000; index += 1)
      refused.add(`scope ${index}`, 'model', planOf({}), ['text']);
    expect(refused.has('scope 0', 'model', planOf({}), ['text'])).toBe(false);
    expect(refused.has('scope 1', 'model', planOf({}), ['text'])).toBe(true);
    expect(refused.has('scope 10000', 'model', planOf({}), ['text'])).toBe(true);
  });
});
