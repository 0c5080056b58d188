import { expect, test } from 'vitest';

import { defaultCatalogue } from '../core/index.ts';
import { findModel, listModels } from './models.ts';

test('lists the catalogue in its order', () => {
  expect(listModels().map(({ id }) => id)).toEqual(defaultCatalogue.map(({ id }) => id));
});

test.each([
  ['claude-opus-5-5', 'Claude Opus 5.5'],
  ['claude-opus-5', 'Claude Opus 5'],
  ['claude-mythos-preview', 'Claude Mythos Preview'],
  ['claude-haiku-3-5', 'Claude Haiku 3.5'],
])('%s is called %s', (id, name) => {
  expect(findModel(id)).toMatchObject({ id, display_name: name });
});

test('finds by alias, and nothing that is only similar', () => {
  expect(findModel('claude-sonnet-4-5-20250929')?.id).toBe('claude-sonnet-4-5');
  expect(findModel('claude-opus-9')).toBeNull();
  expect(findModel('')).toBeNull();
});

test('says how a model thinks', () => {
  const types = (id: string): unknown =>
    (findModel(id)!['capabilities'] as { thinking: { types: unknown } }).thinking.types;
  expect(types('claude-opus-5-5')).toMatchObject({
    adaptive: { supported: true },
    enabled: { supported: false },
  });
  expect(types('claude-sonnet-4-5')).toMatchObject({
    adaptive: { supported: false },
    enabled: { supported: true },
  });
});
