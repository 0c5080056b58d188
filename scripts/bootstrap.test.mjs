import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isInstalled, missingPackages } from './lib/dependencies.mjs';
import { withLock } from './lib/process-lock.mjs';
import { isNewEnough, OLDEST_NODE } from './lib/node-version.mjs';
import { npmReason } from './lib/npm.mjs';

const root = new URL('..', import.meta.url);
/** @type {string} */
let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-bootstrap-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('isNewEnough', () => {
  test.each([
    ['v20.20.2', false],
    ['v22.18.9', false],
    ['22.19.0', true],
    ['v22.20.0', true],
    ['v24.0.0', true],
    ['v24.0.0-nightly2026', true],
    ['v22.9.0', false],
  ])('%s: %s', (version, expected) => expect(isNewEnough(version)).toBe(expected));

  test('asks for what package.json asks for', () => {
    const { engines } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
    expect(engines.node).toBe(`>=${OLDEST_NODE}`);
  });
});

describe('missingPackages', () => {
  const linux = { platform: 'linux', arch: 'x64', libc: 'glibc' };
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a-linux': {
      version: '1.0.0',
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
    },
    'node_modules/a-musl': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    'node_modules/a-mac': { version: '1.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
    'node_modules/a-extra': { version: '1.0.0', optional: true },
  };
  const installed = {
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a-linux': { version: '1.0.0' },
  };

  test('is content with what this platform needs', () => {
    expect(missingPackages(wanted, installed, linux)).toEqual([]);
  });

  test('wants the packages of another platform there', () => {
    const mac = { platform: 'darwin', arch: 'arm64', libc: undefined };
    expect(missingPackages(wanted, installed, mac)).toEqual(['node_modules/a-mac']);
  });

  test('notices what an old Node leaves out', () => {
    const { 'node_modules/a': a } = installed;
    expect(missingPackages(wanted, { 'node_modules/a': a }, linux)).toEqual(['node_modules/a-linux']);
  });

  test('notices another version and other contents of the same version', () => {
    const older = { ...installed, 'node_modules/a': { version: '0.9.0', integrity: 'sha512-a' } };
    const other = { ...installed, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-b' } };
    expect(missingPackages(wanted, older, linux)).toEqual(['node_modules/a']);
    expect(missingPackages(wanted, other, linux)).toEqual(['node_modules/a']);
  });
});

describe('isInstalled', () => {
  test('says no to a folder without node_modules', () => {
    writeFileSync(join(folder, 'package-lock.json'), '{"packages":{}}');
    expect(isInstalled(folder)).toBe(false);
  });
});

describe('npmReason', () => {
  test('is the code', () => {
    expect(npmReason('npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED\n')).toBe('ECONNREFUSED');
  });
  test('is the first line where there is no code', () => {
    expect(npmReason('npm error The lock file is out of date\nnpm error more')).toBe(
      'The lock file is out of date',
    );
  });
});

describe('withLock', () => {
  test('is free again afterwards', async () => {
    const path = join(folder, 'inner', 'lock');
    await expect(withLock(path, async () => existsSync(path))).resolves.toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  test('takes over from a process that is gone', async () => {
    const path = join(folder, 'lock');
    writeFileSync(path, '999999999');
    await expect(withLock(path, async () => 'done')).resolves.toBe('done');
  });

  test('names the processes that hold it', async () => {
    const path = join(folder, 'lock');
    await withLock(path, async (addHolder) => {
      addHolder(4242);
      expect(readFileSync(path, 'utf8')).toBe(`${process.pid} 4242`);
    });
  });

  test('is free again after a failure', async () => {
    const path = join(folder, 'lock');
    await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(existsSync(path)).toBe(false);
  });
});
