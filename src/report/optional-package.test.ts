import { expect, test } from 'vitest';

import { loadOptional, MissingPackageError } from './optional-package.ts';

test('a missing package is one sentence that says what to run', async () => {
  const notFound = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  const failure = loadOptional('Drawing charts', 'echarts', () => Promise.reject(notFound));
  await expect(failure).rejects.toThrow(MissingPackageError);
  await expect(failure).rejects.toThrow(
    'Drawing charts needs the optional package echarts, which is not installed: run "npm install echarts".',
  );
});

test('a package that is there and broken is not called missing', async () => {
  const broken = new Error('bad binary');
  await expect(loadOptional('Drawing charts', 'echarts', () => Promise.reject(broken))).rejects.toBe(broken);
});
