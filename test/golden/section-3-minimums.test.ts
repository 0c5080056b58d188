import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/core/catalogue/index.ts';
import { resolveModel } from '../../src/core/catalogue/index.ts';
import { counters, createService, marked, text, tool, user } from './helpers.ts';

/** The table of spec 3, by model id. */
const MINIMUMS: readonly (readonly [number, readonly string[]])[] = [
  [
    512,
    [
      'claude-fable-5-2',
      'claude-mythos-5-2',
      'claude-fable-5-1',
      'claude-mythos-5-1',
      'claude-fable-5',
      'claude-mythos-5',
      'claude-opus-5-5',
      'claude-opus-5',
      'claude-sonnet-5-5',
      'claude-haiku-5-5',
    ],
  ],
  [
    1024,
    [
      'claude-opus-4-8',
      'claude-sonnet-5',
      'claude-sonnet-4-6',
      'claude-sonnet-4-5',
      'claude-opus-4-1',
      'claude-opus-4',
      'claude-sonnet-4',
    ],
  ],
  [2048, ['claude-opus-4-7', 'claude-mythos-preview', 'claude-haiku-3-5']],
  [4096, ['claude-opus-4-6', 'claude-opus-4-5', 'claude-haiku-4-5']],
];

const ROWS = MINIMUMS.flatMap(([minimum, ids]) => ids.map((id) => [id, minimum] as const));

describe('3 minimum of each model', () => {
  it.each(ROWS)('3: %s caches from %i tokens', (model, minimum) => {
    const body = (count: number) => ({ model, messages: [user(marked(text(count)))] });
    expect(counters(createService().send(body(minimum - 1), 0).outcome)).toEqual([0, 0, 0, minimum - 1]);
    expect(counters(createService().send(body(minimum), 0).outcome)).toEqual([0, 0, minimum, 0]);
  });

  it('3: the table names every model of the catalogue', () => {
    expect(ROWS.map(([id]) => id).toSorted()).toEqual(MODELS.map((facts) => facts.id).toSorted());
  });

  it.each([
    ['claude-3-7-sonnet-20250219', 1024],
    ['claude-3-5-sonnet-20241022', 1024],
    ['claude-3-opus-20240229', 1024],
    ['claude-3-5-haiku-20241022', 2048],
    ['claude-3-haiku-20240307', 2048],
  ])('3: the retired %s needed %i', (id, minimum) => {
    expect(resolveModel(id).facts.minCacheableTokens).toBe(minimum);
  });
});

describe('3 what is measured', () => {
  const model = 'claude-opus-5-5';

  it('3: the cumulative prefix, not the block', () => {
    const body = { model, tools: [tool('t', 200)], system: [text(200)], messages: [user(marked(text(112)))] };
    expect(counters(createService().send(body, 0).outcome)).toEqual([0, 0, 512, 0]);
    const shorter = { ...body, messages: [user(marked(text(111)))] };
    expect(counters(createService().send(shorter, 0).outcome)).toEqual([0, 0, 0, 511]);
  });

  it('3: nor the growth: increments of 36 tokens are written', () => {
    const service = createService();
    service.send({ model, messages: [user(marked(text(600)))] }, 0);
    const { outcome } = service.send({ model, messages: [user(text(600)), user(marked(text(36, 'b')))] }, 1);
    expect(counters(outcome)).toEqual([600, 0, 36, 0]);
  });

  it('3: a breakpoint below the minimum is ignored, a later one covers its tokens', () => {
    const body = { model, system: [marked(text(511))], messages: [user(marked(text(10)), text(5))] };
    const { outcome } = createService().send(body, 0);
    expect(counters(outcome)).toEqual([0, 0, 521, 5]);
    expect(outcome.breakpoints.map(({ verdict }) => verdict)).toEqual(['below-minimum', 'written']);
    expect(outcome.written.map((entry) => entry.tokens)).toEqual([521]);
  });

  it('3, 4.5: an ignored 1h breakpoint moves no boundary', () => {
    const body = { model, system: [marked(text(511), '1h')], messages: [user(marked(text(10)))] };
    expect(counters(createService().send(body, 0).outcome)).toEqual([0, 0, 521, 0]);
  });

  it('3: an ignored breakpoint does not look back either', () => {
    const service = createService();
    service.send({ model, system: [marked(text(512))], messages: [user(text(1))] }, 0);
    const { outcome } = service.send({ model, system: [marked(text(500))], messages: [user(text(1))] }, 1);
    expect(counters(outcome)).toEqual([0, 0, 0, 501]);
  });
});
