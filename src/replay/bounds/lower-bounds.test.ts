import { describe, expect, it } from 'vitest';
import { theoryPrices } from '../prices.ts';
import { traceOf, type HandRequest } from '../trace/trace-of.ts';
import { BOUND_ASSUMPTIONS, lowerBounds } from './lower-bounds.ts';

const SECOND = 1000;
const prices = [theoryPrices];

function systemAt(secondsList: readonly number[], more: HandRequest['blocks'] = []): HandRequest[] {
  return secondsList.map((seconds, index) => ({
    startMs: seconds * SECOND,
    blocks: [['system', 10_000], ...more, [`question ${index}`, 100]],
  }));
}

describe('lowerBounds', () => {
  it('charges a block that comes once its full price', () => {
    const bounds = lowerBounds(traceOf(systemAt([0])), prices);
    expect([bounds.none, bounds.universal, bounds.joint]).toEqual([10_100, 10_100, 10_100]);
  });

  it('writes for five minutes what is used again within five', () => {
    const { joint } = lowerBounds(traceOf(systemAt([0, 200, 400])), prices);
    expect(joint).toBeCloseTo(300 + 12_500 + 2000, 6);
  });

  it('bridges ten minutes by a ping, since it costs less than an hour does', () => {
    const { joint } = lowerBounds(traceOf(systemAt([0, 600])), prices);
    expect(joint).toBeCloseTo(200 + 12_500 + 1000 + 1000, 6);
  });

  it('takes an hour where gaps are long, and nothing where they are longer than pings pay for', () => {
    expect(lowerBounds(traceOf(systemAt([0, 3000])), prices).joint).toBeCloseTo(200 + 20_000, 6);
    expect(lowerBounds(traceOf(systemAt([0, 3000, 6000])), prices).joint).toBeCloseTo(300 + 22_000, 6);
    expect(lowerBounds(traceOf(systemAt([0, 100_000])), prices).joint).toBeCloseTo(20_200, 6);
  });

  it('lets a 1h entry at the end of a conversation carry all before it', () => {
    const turns: HandRequest[] = [0, 60, 2000].map((seconds, turn) => ({
      startMs: seconds * SECOND,
      blocks: Array.from({ length: turn + 2 }, (_, index) => [`turn ${index}`, index === 0 ? 50_000 : 1000]),
    }));
    // 50,000 written, read, and carried over 32 minutes for next to nothing; the turns after it likewise.
    const { joint, none } = lowerBounds(traceOf(turns), prices);
    expect(none).toBe(156_000);
    expect(joint).toBeLessThan(1.25 * 50_000 + 2 * 5000 + 8000);
    expect(joint).toBeGreaterThan(1.25 * 50_000 + 2 * 5000);
  });

  it('lets a ping carry a prefix up to the last visit of what comes after it', () => {
    const requests: HandRequest[] = [
      {
        startMs: 0,
        blocks: [
          ['system', 8000],
          ['task', 200],
        ],
      },
      { startMs: 0, blocks: [['system', 8000]] },
      {
        startMs: 3700 * SECOND,
        blocks: [
          ['system', 8000],
          ['task', 200],
        ],
      },
    ];
    // Written for 5 minutes, read, one ping that writes the task for an hour, read: 13,020 in fact.
    expect(lowerBounds(traceOf(requests), prices).joint).toBeLessThanOrEqual(13_020);
  });

  it('knows that entries shorter than the minimum do not exist', () => {
    const apart: HandRequest[] = [0, 10, 20].map((seconds, index) => ({
      startMs: seconds * SECOND,
      blocks: [
        ['greeting', 500],
        [`own ${index}`, 2000],
      ],
    }));
    const { joint, jointWithMinimum, none } = lowerBounds(traceOf(apart), prices);
    expect(joint).toBeCloseTo(6000 + 500 * 1.45, 6);
    expect(jointWithMinimum).toBe(none);
  });

  it('gives nothing to requests that are too short as a whole', () => {
    const short: HandRequest[] = [0, 10].map((seconds) => ({
      startMs: seconds * SECOND,
      blocks: [['a', 1000]],
    }));
    expect(lowerBounds(traceOf(short), prices).joint).toBe(2000);
  });

  it('keeps models apart', () => {
    const mixed: HandRequest[] = ['one', 'two', 'two'].map((model, index) => ({
      startMs: index * SECOND,
      blocks: [['a', 2000]],
      model,
    }));
    const { byModel, joint } = lowerBounds(traceOf(mixed), [theoryPrices, { ...theoryPrices, read: 0.5 }]);
    expect(byModel.map((costs) => costs.joint)).toEqual([2000, 3500]);
    expect(joint).toBe(5500);
  });

  it('is nothing for a trace without requests', () => {
    expect(lowerBounds(traceOf([]), prices).joint).toBe(0);
  });
});

describe('BOUND_ASSUMPTIONS', () => {
  it('says in sentences what is taken for granted', () => {
    for (const sentence of BOUND_ASSUMPTIONS) expect(sentence).toMatch(/^[A-Z].*\.$/u);
  });
});
