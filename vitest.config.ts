import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  resolve: {
    // Examples import the package by its name, as users do; here that means the sources.
    alias: [
      { find: /^cachewright$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^cachewright\/(.+)$/, replacement: `${import.meta.dirname}/src/$1/index.ts` },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default config;
