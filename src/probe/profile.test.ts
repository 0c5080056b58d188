import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { defaultOpenQuestions } from '../core/index.ts';
import { agreedQuestions, readProfile, readProfiles, writeProfile, type ProbeProfile } from './profile.ts';

const PROFILE: ProbeProfile = {
  version: 1,
  platform: '127.0.0.1:8790',
  model: 'claude-sonnet-4-5',
  measuredAt: '2026-11-22T00:00:00.000Z',
  answers: [
    { name: 'readRefreshes', value: 'hit', certainty: 'repeated', seen: ['a'] },
    { name: 'readUpgradesTtl', value: true, certainty: 'once', seen: ['b'] },
    { name: 'rewritesBelowHit', value: null, certainty: 'unsure', seen: ['c', 'd'] },
    { name: 'geographyInKey', value: null, certainty: 'not-asked', seen: ['e'] },
    { name: 'earlyEvictionMs', value: null, certainty: 'repeated', seen: ['f'] },
    { name: 'life5mMs', value: 310_000, certainty: 'repeated', seen: ['g'] },
  ],
};

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-profile-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('profiles', () => {
  it('are kept per platform and model, for their owner alone', () => {
    const file = writeProfile(folder, PROFILE);
    expect(readProfile(folder, PROFILE.platform, PROFILE.model)).toEqual(PROFILE);
    expect(readProfile(folder, 'api.anthropic.com', PROFILE.model)).toBeNull();
    expect(readProfile(folder, PROFILE.platform, 'claude-opus-4-6')).toBeNull();
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('replace older ones whole', () => {
    writeProfile(folder, PROFILE);
    const file = writeProfile(folder, { ...PROFILE, answers: [] });
    expect(readProfile(folder, PROFILE.platform, PROFILE.model)?.answers).toEqual([]);
    expect(readdirSync(join(folder, 'profiles'))).toEqual([file.split('/').at(-1)]);
  });

  it.each(['', '{', '[]', '{"version":2,"answers":[]}', '{"version":1}'])(
    'are none when the file is %j',
    (text) => {
      writeFileSync(writeProfile(folder, PROFILE), text);
      expect(readProfile(folder, PROFILE.platform, PROFILE.model)).toBeNull();
    },
  );

  it('stay inside the folder whatever a model is called', () => {
    const file = writeProfile(folder, { ...PROFILE, model: '../../../etc/passwd' });
    expect(file.startsWith(join(folder, 'profiles', '/'))).toBe(true);
  });

  it('are found by platform, whatever else lies in the folder', () => {
    const file = writeProfile(folder, PROFILE);
    const other = { ...PROFILE, model: 'claude-opus-4-6' };
    writeProfile(folder, other);
    writeProfile(folder, { ...PROFILE, platform: 'elsewhere' });
    writeFileSync(`${file}.new`, '{');
    const models = readProfiles(folder, PROFILE.platform).map(({ model }) => model);
    expect(models.toSorted()).toEqual(['claude-opus-4-6', 'claude-sonnet-4-5']);
    expect(readProfiles(join(folder, 'none'), PROFILE.platform)).toEqual([]);
  });

  it('set the switches that were answered for sure', () => {
    const { open, told } = agreedQuestions([PROFILE]);
    expect(open).toEqual({ ...defaultOpenQuestions, readRefreshes: 'hit', readUpgradesTtl: true });
    expect(told).toEqual([
      'readUpgradesTtl is true (claude-sonnet-4-5)',
      'readRefreshes is hit (claude-sonnet-4-5)',
    ]);
    expect(agreedQuestions([])).toEqual({ open: defaultOpenQuestions, told: [] });
  });

  it('that contradict each other leave the default', () => {
    const answers = [
      { name: 'readRefreshes', value: 'path', certainty: 'repeated', seen: ['a'] },
      { name: 'readUpgradesTtl', value: true, certainty: 'repeated', seen: ['b'] },
    ] as const;
    const { open } = agreedQuestions([PROFILE, { ...PROFILE, model: 'another', answers }]);
    expect([open.readRefreshes, open.readUpgradesTtl]).toEqual(['path', true]);
  });
});
