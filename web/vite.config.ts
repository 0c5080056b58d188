import { defineConfig, type UserConfig } from 'vite';

const config: UserConfig = defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2023',
    // A data: URL would need a hole in `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of what is bundled want to go with it.
    license: { fileName: 'licenses.md' },
  },
});

export default config;
