import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { entriesLeftOut, platformOf } from './lib/lock-file.mjs';

describe('platformOf', () => {
  test.each([
    ['@oxlint/binding-linux-x64-gnu', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }],
    ['@oxlint/binding-linux-arm-musleabihf', { os: ['linux'], cpu: ['arm'], libc: ['musl'] }],
    ['@oxlint/binding-win32-arm64-msvc', { os: ['win32'], cpu: ['arm64'] }],
    ['@oxlint/binding-android-arm-eabi', { os: ['android'], cpu: ['arm'] }],
    ['@oxlint-tsgolint/darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
  ])('%s', (name, platform) => expect(platformOf(name)).toEqual(platform));

  test('says so where the name does not tell', () => {
    expect(() => platformOf('some-package')).toThrow('some-package is missing');
  });
});

describe('entriesLeftOut', () => {
  const tool = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { 'tool-linux-x64': '1.0.0', 'tool-darwin-x64': '1.0.0' },
  };
  const present = { version: '1.0.0', dev: true, optional: true, os: ['linux'], cpu: ['x64'] };

  test("names what npm forgot, at its owner's version", () => {
    const packages = { 'node_modules/tool': tool, 'node_modules/tool-linux-x64': present };
    expect(entriesLeftOut(packages)).toEqual({
      'node_modules/tool-darwin-x64': {
        version: '1.0.0',
        os: ['darwin'],
        cpu: ['x64'],
        dev: true,
        optional: true,
      },
    });
  });

  test('refuses a range', () => {
    const loose = { version: '1.0.0', optionalDependencies: { 'tool-linux-x64': '^1.0.0' } };
    expect(() => entriesLeftOut({ 'node_modules/tool': loose })).toThrow('which is not one version');
  });
});

test('package-lock.json is complete (else: npm run lock:complete)', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
  expect(Object.keys(entriesLeftOut(packages))).toEqual([]);
});
