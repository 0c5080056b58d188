import { describe, expect, it } from 'vitest';
import { MODELS } from './models.ts';
import { defaultCatalogue, extendCatalogue, resolveModel } from './resolve.ts';

describe('resolveModel, ids that are known', () => {
  it.each(MODELS.flatMap((facts) => [facts.id, ...facts.aliases].map((name) => [name, facts.id] as const)))(
    '%s is %s',
    (name, id) => {
      expect(resolveModel(name)).toMatchObject({ kind: 'exact', note: null, facts: { id } });
    },
  );

  it.each([
    ['anthropic.claude-opus-4-1-20250805-v1:0', 'claude-opus-4-1'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['global.anthropic.claude-opus-4-7', 'claude-opus-4-7'],
    ['anthropic.claude-haiku-4-5-20251001-v1', 'claude-haiku-4-5'],
    ['arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-5-v1:0', 'claude-opus-5'],
    ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5'],
    ['claude-opus-5-5@20270101', 'claude-opus-5-5'],
    ['anthropic/claude-haiku-5-5', 'claude-haiku-5-5'],
    ['claude-sonnet-5-5[1m]', 'claude-sonnet-5-5'],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0[1m]', 'claude-sonnet-4'],
    ['Claude-Opus-5-5', 'claude-opus-5-5'],
    ['claude-fable-5-2-20261109', 'claude-fable-5-2'],
  ])('%s is %s as a platform spells it', (name, id) => {
    expect(resolveModel(name)).toMatchObject({ kind: 'exact', note: null, facts: { id } });
  });
});

describe('resolveModel, ids that are not', () => {
  it.each([
    ['claude-opus-6', 'claude-opus-5-5'],
    ['claude-opus-5-4', 'claude-opus-5'],
    ['claude-opus-4-9', 'claude-opus-4-8'],
    ['claude-opus-4-3', 'claude-opus-4-1'],
    ['claude-opus-3', 'claude-opus-4'],
    ['claude-opus-latest', 'claude-opus-5-5'],
    ['claude-sonnet-9-1', 'claude-sonnet-5-5'],
    ['claude-haiku-5', 'claude-haiku-4-5'],
    ['claude-3-haiku-20240307', 'claude-haiku-3-5'],
    ['claude-3-7-sonnet-20250219', 'claude-sonnet-4'],
    ['claude-3-5-sonnet-latest', 'claude-sonnet-4'],
    ['anthropic/claude-opus-4.6', 'claude-opus-4-6'],
    ['claude-mythos-6', 'claude-mythos-5-2'],
    ['vendor/some-fable-model', 'claude-fable-5-2'],
  ])('%s takes the facts of %s and says so', (name, id) => {
    const resolved = resolveModel(name);
    expect(resolved).toMatchObject({ kind: 'nearest', facts: { id } });
    expect(resolved.note).toBe(`unknown model ${JSON.stringify(name)}: using the facts of ${id}`);
  });

  it.each(['', 'gpt-7', 'claude', 'claude-7', '\u0000', 'constructor'])(
    '%j takes those of a Sonnet',
    (name) => {
      expect(resolveModel(name)).toMatchObject({ kind: 'unknown', facts: { id: 'claude-sonnet-5-5' } });
      expect(resolveModel(name).note).toContain('claude-sonnet-5-5');
    },
  );

  it('cuts a long id in its note, and takes no longer for it', () => {
    const resolved = resolveModel('['.repeat(1_000_000));
    expect(resolved.kind).toBe('unknown');
    expect(resolved.note?.length).toBeLessThan(200);
  });

  it('falls back on the shipped models where the catalogue has none to offer', () => {
    expect(resolveModel('claude-opus-6', []).facts.id).toBe(MODELS[0]?.id);
    expect(resolveModel('x', defaultCatalogue.slice(0, 1)).facts.id).toBe(MODELS[0]?.id);
  });
});

describe('extendCatalogue', () => {
  it('replaces the facts of a known model', () => {
    const catalogue = extendCatalogue(defaultCatalogue, [{ id: 'claude-opus-5-5', minCacheableTokens: 256 }]);
    expect(resolveModel('claude-opus-5-5', catalogue).facts).toEqual({
      ...resolveModel('claude-opus-5-5').facts,
      minCacheableTokens: 256,
    });
    expect(catalogue).toHaveLength(defaultCatalogue.length);
    expect(resolveModel('claude-opus-5-5').facts.minCacheableTokens).toBe(512);
  });

  it.each(['claude-opus-4-5-20251101', 'us.anthropic.claude-opus-4-5-20251101-v1:0'])(
    'replaces them under every name of the model: %s',
    (id) => {
      const catalogue = extendCatalogue(defaultCatalogue, [{ id, minCacheableTokens: 256 }]);
      expect(catalogue).toHaveLength(defaultCatalogue.length);
      for (const name of ['claude-opus-4-5', 'claude-opus-4-5-20251101', id]) {
        const { facts } = resolveModel(name, catalogue);
        expect([facts.id, facts.minCacheableTokens]).toEqual(['claude-opus-4-5', 256]);
      }
    },
  );

  it('adds a new model from its nearest known one', () => {
    const catalogue = extendCatalogue(defaultCatalogue, [{ id: 'claude-opus-6', minCacheableTokens: 128 }]);
    const resolved = resolveModel('claude-opus-6', catalogue);
    expect(resolved).toMatchObject({ kind: 'exact', note: null });
    expect(resolved.facts).toMatchObject({
      id: 'claude-opus-6',
      aliases: [],
      minCacheableTokens: 128,
      family: 'opus',
    });
    expect(resolved.facts.prices).toEqual(resolveModel('claude-opus-5-5').facts.prices);
    expect(resolveModel('claude-opus-5-5', catalogue).facts.minCacheableTokens).toBe(512);
  });

  it('takes aliases of a new model', () => {
    const catalogue = extendCatalogue(defaultCatalogue, [
      { id: 'house-model', aliases: ['house-model-latest'] },
    ]);
    expect(resolveModel('house-model-latest', catalogue)).toMatchObject({
      kind: 'exact',
      facts: { id: 'house-model' },
    });
  });

  it('applies overrides one after another', () => {
    const catalogue = extendCatalogue(defaultCatalogue, [
      { id: 'claude-opus-6', minCacheableTokens: 128 },
      { id: 'claude-opus-6', hasGeoPricing: false },
    ]);
    expect(resolveModel('claude-opus-6', catalogue).facts).toMatchObject({
      minCacheableTokens: 128,
      hasGeoPricing: false,
    });
  });

  it('changes nothing without overrides', () => {
    expect(extendCatalogue(defaultCatalogue, [])).toBe(defaultCatalogue);
  });
});

describe('MODELS', () => {
  it('gives every id and alias to one model', () => {
    const names = MODELS.flatMap((facts) => [facts.id, ...facts.aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('reads family and version off the id', () => {
    const versionOf = (id: string): unknown => {
      const { family, version } = resolveModel(id).facts;
      return [family, ...version];
    };
    expect(versionOf('claude-fable-5-2')).toEqual(['fable', 5, 2]);
    expect(versionOf('claude-opus-5')).toEqual(['opus', 5, 0]);
    expect(versionOf('claude-haiku-3-5')).toEqual(['haiku', 3, 5]);
    expect(versionOf('claude-mythos-preview')).toEqual(['mythos', 4, 9]);
    for (const { version } of MODELS) expect(version.every(Number.isInteger)).toBe(true);
  });
});
