import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Whatever serves, stores or logs; the library is to be loaded without it. */
const FORBIDDEN = [
  /^node:(?:http|https|http2|net|tls|dgram|cluster|sqlite|child_process|worker_threads|fs)$/,
  /\/node_modules\/(?!lru-cache\/)/,
  /\/src\/(?:gateway|emulator|cli|replay|report|audit|probe)\//,
];

/** What a process loads that imports this module and nothing else. */
function loadedBy(module: string): readonly string[] {
  const script = `
    const { registerHooks } = await import('node:module');
    const urls = [];
    registerHooks({ resolve: (name, context, next) => { const found = next(name, context); urls.push(found.url); return found; } });
    await import(${JSON.stringify(new URL(module, import.meta.url).href)});
    process.stdout.write(JSON.stringify(urls));`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as readonly string[];
}

describe.each(['./index.ts', '../index.ts', '../engine/index.ts'])('importing %s', (module) => {
  it('loads no server, no database and no logger', () => {
    const loaded = loadedBy(module);
    expect(loaded.some((url) => url.endsWith('/src/engine/exchange.ts'))).toBe(true);
    expect(loaded.filter((url) => FORBIDDEN.some((pattern) => pattern.test(url)))).toEqual([]);
  });
});
