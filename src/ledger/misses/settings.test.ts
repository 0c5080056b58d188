import { describe, expect, it } from 'vitest';
import { readPrompt } from '../../core/index.ts';
import { compareSettings, createSettingsReader } from './settings.ts';

const texts: string[] = [];
const reader = createSettingsReader((text) => {
  if (!texts.includes(text)) texts.push(text);
  return texts.indexOf(text);
});
const settingsOf = (more: Record<string, unknown>): ReturnType<typeof reader> => {
  const messages = [{ role: 'user', content: 'hi' }];
  return reader(readPrompt({ model: 'claude-opus-5-5', messages, ...more }).mixes);
};
const PNG = { type: 'base64', media_type: 'image/png', data: '' };
const image = [{ role: 'user', content: [{ type: 'image', source: PNG }] }];
const text = { type: 'text', media_type: 'text/plain', data: 'x' };
const cited = [{ role: 'user', content: [{ type: 'document', source: text, citations: { enabled: true } }] }];

describe('settings', () => {
  it.each<[Record<string, unknown>, string, string]>([
    [{ speed: 'fast' }, 'system', 'speed'],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'system', 'web_search'],
    [{ messages: cited }, 'system', 'citations'],
    [{ container: { skills: [{ skill_id: 'pdf' }] } }, 'system', 'skills'],
    [{ tool_choice: { type: 'any' } }, 'messages', 'tool_choice'],
    [{ messages: image }, 'messages', 'images'],
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, 'messages', 'thinking'],
    [{ output_config: { effort: 'low' } }, 'messages', 'effort'],
    [{ output_config: { task_budget: { total: 5 } } }, 'messages', 'task_budget'],
    [{ output_config: { format: { type: 'json_schema' } } }, 'messages', 'format'],
    [{ model: 'claude-sonnet-4-5', thinking: { type: 'enabled', budget_tokens: 2000 } }, 'tools', 'thinking'],
  ])('that differ are named with the level that they lose: %j', (more, level, name) => {
    const before = settingsOf(more['model'] === undefined ? {} : { model: more['model'] });
    expect([...compareSettings(before, settingsOf(more))]).toEqual([[level, [name]]]);
  });

  it('that are the same are one object', () => {
    expect(settingsOf({ max_tokens: 5 })).toBe(settingsOf({ temperature: 1 }));
    expect(compareSettings(settingsOf({}), settingsOf({})).size).toBe(0);
  });
});
