import { execFileSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

/** The modules of Node that importing something loads. */
function loadedBy(entry: string): readonly string[] {
  const script = `await import(${JSON.stringify(new URL(entry, import.meta.url).href)});
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => /sqlite|http|net$/.test(name))));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return JSON.parse(output) as readonly string[];
}

describe('importing', () => {
  it.each(['./index.ts', '../content/index.ts'])('%s loads no database and no server', (entry) => {
    const bare = loadedBy('data:text/javascript,');
    expect(loadedBy(entry)).toEqual(bare);
    expect(loadedBy('./sqlite/sqlite-store.ts')).not.toEqual(bare);
  });
});
