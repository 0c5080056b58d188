import { readFileSync, readdirSync } from 'node:fs';

import { afterEach, describe, expect, it, vi } from 'vitest';

const root = new URL('../../', import.meta.url);

/** What each example must print: it is run as it stands, and its words are checked. */
const EXPECTED: Readonly<Record<string, readonly RegExp[]>> = {
  'gateway-and-sdk.ts': [
    /^wrote \d{4}, read 0$/,
    /^wrote \d+, read \d{4}$/,
    /^wrote \d+, read \d{4}$/,
    /^hit ratio 0\.\d\d, saved \$0\.\d{4}$/,
  ],
  'what-would-caching-do.ts': [
    /^first: writes 900, leaves 0 uncached$|^first: writes 900, leaves \d+ uncached$/,
    /^a minute later: reads 900$/,
    /^after five minutes: reads 0, because it expired$/,
  ],
  'sdk-middleware.ts': [
    /^wrote \d{4}, read 0$/,
    /^wrote \d{1,3}, read \d{4}$/,
    /^wrote \d{1,3}, read \d{4}$/,
    /^hit ratio 0\.\d\d, saved \$0\.\d{4}$/,
  ],
  'ai-sdk-fetch.ts': [
    /^wrote \d{4}, read 0$/,
    /^wrote \d{1,3}, read \d{4}$/,
    /^wrote \d{1,3}, read \d{4}$/,
    /^[\w.]+: 5m(, [\w.]+: 5m)*$/,
  ],
  'layered-prompt.ts': [
    /^tools: 1h at tools\.0$/,
    /^rules: 1h at system\.0$/,
    /^customer: 1h at messages\.0\.content\.0$/,
    /^reordered: messages: question, customer became customer, question, /,
    /^volatile-text: rules, declared daily, .* now "10:32"$/,
    /^volatile-moved: .* "It is 10:32\."$/,
    /^a request should cost \$0\.002\d\d of input, not \$0\.017\d\d$/,
    /^\[\{"role":"user","content":\[.*"It is 10:32\.".*\]\}\]$/,
  ],
  'content-registry.ts': [
    /^rules new, handbook unchanged, 2 markers$/,
    /^will write \d+ tokens and read 0$/,
    /^rules unchanged, handbook unchanged, 2 markers$/,
    /^will write 0 tokens and read \d+$/,
    /^changes bytes 24-36: next working$/,
    /^support: live prefixes lost by an edit of handbook: 1$/,
    /^writing them again costs \$0\.\d{4} more than reading them$/,
  ],
  'conversation.ts': [
    /^cut 4\d{3} tokens to [12]\d{3}, pays even after \d+ turns$/,
    /^20 turns, 1 cuts, hit ratio 0\.\d\d$/,
    /^warm for 5 minutes$/,
    /^read \d{4}, wrote \d{2,3}$/,
  ],
  'response-cache.ts': [
    /^miss by upstream$/,
    /^hit by memory$/,
    /^hit by memory$/,
    /^three answers, ids 1$/,
    /^bypass by upstream: off$/,
    /^miss by upstream$/,
    /^hits 2, misses 2, passed on 1$/,
  ],
  'warm-prompts.ts': [
    /^2 requests, about \$0\.0\d+$/,
    /^returns: wrote, wrote \d{4}, read 0$/,
    /^delivery: wrote, wrote \d{4}, read \d{4}$/,
    /^the first round cost \$0\.0\d+$/,
    /^returns: already-warm, wrote 0, read \d{4}$/,
    /^delivery: already-warm, wrote 0, read \d{4}$/,
    /^the second round cost \$0\.000\d+$/,
  ],
  'optimise-from-usage.ts': [
    /^steady: 1h at system-end, saves \$77\.08 a month$/,
    /^ {2}nine tenths of such months: \$7\d\.\d\d to \$7\d\.\d\d$/,
    /^bursts: 5m at system-end, saves \$70\.36 a month$/,
    /^ {2}nine tenths of such months: \$[456]\d\.\d\d to \$[789]\d\.\d\d$/,
    /^report: do not cache, saves \$0\.00 a month$/,
    /^ {2}nine tenths of such months: \$0\.00 to \$0\.00$/,
    /^of 240 uses of system-end, 0\.0 % came within 5 minutes .* 1h is part of the cheapest choice$/,
    /^saves \$77\.76 a month where \$77\.08 were projected/,
  ],
  'plan-a-request.ts': [/^system: 5m, /, /^messages\.0\.content: 5m, /, /^not at tools-end: /],
};

/** Code blocks of a document that say which example they show. */
function shownExamples(document: string): readonly { name: string; code: string }[] {
  const blocks = document.matchAll(/<!-- example: ([\w.-]+) -->\n```ts\n([^]*?)```/g);
  return [...blocks].map(([, name = '', code = '']) => ({ name, code }));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('examples', () => {
  it('each has its expectation', () => {
    expect(readdirSync(new URL('examples', root)).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  });

  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(`${name} prints what it promises`, async () => {
      const lines: string[] = [];
      vi.spyOn(console, 'log').mockImplementation((line: string) => {
        lines.push(line);
      });
      await import(new URL(`examples/${name}`, root).pathname);
      expect(lines).toHaveLength(expected.length);
      for (const [index, pattern] of expected.entries()) expect(lines[index]).toMatch(pattern);
    });
  }
});

describe('README', () => {
  const shown = shownExamples(readFileSync(new URL('README.md', root), 'utf8'));

  it('shows every example', () => {
    expect(shown.map(({ name }) => name).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  });

  for (const { name, code } of shown) {
    it(`shows ${name} as it stands`, () => {
      expect(code).toBe(readFileSync(new URL(`examples/${name}`, root), 'utf8'));
    });
  }
});
