import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { defaultDataDir, readInstallationSecret } from './data-dir.ts';

const fresh = (): string => mkdtempSync(join(tmpdir(), 'cachewright-'));

it('keeps state where the platform says', () => {
  expect(defaultDataDir({ XDG_STATE_HOME: '/state' })).toBe('/state/cachewright');
  expect(defaultDataDir({})).toBe(join(homedir(), '.local/state/cachewright'));
  expect(defaultDataDir({ XDG_STATE_HOME: '' })).toBe(join(homedir(), '.local/state/cachewright'));
});

it('makes a secret once, for its owner alone', () => {
  const folder = join(fresh(), 'a', 'b');
  const first = readInstallationSecret(folder);
  expect(first.warning).toBeNull();
  expect(first.secret).toHaveLength(32);
  expect(readInstallationSecret(folder).secret).toEqual(first.secret);
  expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, 'secret'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
});

it('differs between installations', () => {
  expect(readInstallationSecret(fresh()).secret).not.toEqual(readInstallationSecret(fresh()).secret);
});

it('goes on with a passing secret, and says so, where it cannot keep one', () => {
  const folder = fresh();
  writeFileSync(join(folder, 'secret'), 'not a secret');
  const damaged = readInstallationSecret(folder);
  expect(damaged.secret).toHaveLength(32);
  expect(damaged.warning).toMatch(/secret holds no secret of 32 bytes: scopes get new pseudonyms/);
  expect(readInstallationSecret(join(folder, 'secret')).warning).toMatch(/cannot be used \(E\w+\)/);
});
