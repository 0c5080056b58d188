import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { contentRegistry } from '../../src/content/index.ts';
import { totalInputTokens } from '../../src/core/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { costUnits, MODEL, startEmulated, text, type Emulated } from './emulated.ts';

/**
 * Two published samples, run as they are written beside what does the same job here. What they are meant for is right;
 * as written the first stops caching for good once its content has an age, and the second never reads anything.
 */

const MINUTE_MS = 60_000;
const MARKER = { cache_control: { type: 'ephemeral' } };

/** The prompt at one time: all of it, and the question of the minute. */
interface Contents {
  readonly system: string;
  readonly tools: readonly object[];
  readonly document: string;
  readonly question: string;
}

/** `CacheVersionManager` of the article: content that is new, changed or old is to be invalidated. */
class ArticleVersionManager {
  readonly #versions = new Map<string, string>();
  readonly #lastUpdated = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  shouldInvalidate(key: string, content: string, maxAgeMinutes?: number): boolean {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
    if (this.#versions.get(key) !== hash) {
      this.#versions.set(key, hash);
      this.#lastUpdated.set(key, this.#nowMs());
      return true;
    }
    const updatedMs = this.#lastUpdated.get(key);
    if (!maxAgeMinutes || updatedMs === undefined) return false;
    return this.#nowMs() - updatedMs > maxAgeMinutes * MINUTE_MS;
  }
}

/** `create_request_with_smart_caching` of the article: a marker on what is not to be invalidated. */
function buildArticleRequest(manager: ArticleVersionManager, contents: Contents): RequestParts {
  const { system, tools, document, question } = contents;
  const isInvalid = {
    system: manager.shouldInvalidate('system', system, 60),
    tools: manager.shouldInvalidate('tools', JSON.stringify(tools)),
    document: manager.shouldInvalidate('document', document, 30),
  };
  const mark = (isOff: boolean): object => (isOff ? {} : MARKER);
  return {
    system: [{ type: 'text', text: system, ...mark(isInvalid.system) }],
    tools: tools.map((tool, index) =>
      index === tools.length - 1 ? { ...tool, ...mark(isInvalid.tools) } : tool,
    ),
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: document, ...mark(isInvalid.document) },
          { type: 'text', text: question },
        ],
      },
    ],
  };
}

/** `TimeBasedCacheManager` of the article: the marker is sent once a period. */
class ArticleTimeManager {
  #cachedMs: number | null = null;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  shouldCache(ttlMinutes: number): boolean {
    const nowMs = this.#nowMs();
    if (this.#cachedMs !== null && nowMs - this.#cachedMs < ttlMinutes * MINUTE_MS) return false;
    this.#cachedMs = nowMs;
    return true;
  }
}

/** What a run cost, in shares of what it would have cost without any caching. */
interface Run {
  readonly costRatio: number;
  readonly readShare: number;
  /** Read tokens of each request. */
  readonly reads: readonly number[];
}

let emulated: Emulated;
beforeEach(async () => {
  emulated = await startEmulated();
});
afterEach(() => emulated.close());

/** A request a minute for three hours. */
const REQUESTS = 180;
const TOOL_WORDS = 700;
const SYSTEM_WORDS = 1_000;
const DOCUMENT_WORDS = 3_000;
/** The document changes once, after an hour and a half. */
const CHANGED_AT = 90;

function contentsAt(minute: number): Contents {
  return {
    system: text(SYSTEM_WORDS),
    tools: [{ name: 'search', description: text(TOOL_WORDS - 1, 3), input_schema: {} }],
    document: text(DOCUMENT_WORDS, minute < CHANGED_AT ? 1 : 2),
    question: text(20, minute),
  };
}

async function run(build: (minute: number) => Promise<RequestParts> | RequestParts): Promise<Run> {
  let [cost, uncached, read] = [0, 0, 0];
  const reads: number[] = [];
  for (let minute = 0; minute < REQUESTS; minute += 1) {
    const billed = await emulated.send(await build(minute));
    cost += costUnits(billed, emulated.nowMs());
    uncached += totalInputTokens(billed);
    read += billed.readTokens;
    reads.push(billed.readTokens);
    await emulated.advance(MINUTE_MS);
  }
  return { costRatio: cost / uncached, readShare: read / uncached, reads };
}

/** The same contents and maximal ages through the registry. */
function runOurs(pick: (contents: Contents) => Partial<Contents> = (contents) => contents): Promise<Run> {
  const registry = contentRegistry({ clock: emulated });
  let isRegistered = false;
  return run(async (minute) => {
    const { system, tools, document, question } = pick(contentsAt(minute));
    if (!isRegistered) {
      isRegistered = true;
      await registry.register({ name: 'system', content: system ?? '', maxAgeMs: 60 * MINUTE_MS });
      if (document !== undefined)
        await registry.register({ name: 'document', content: document, maxAgeMs: 30 * MINUTE_MS });
    }
    const { request } = await registry.smartRequest({
      prompt: 'questions',
      model: MODEL,
      layers: [
        ...(tools ? [{ name: 'tools', tools }] : []),
        ...(system === undefined ? [] : [{ name: 'system', system }]),
        ...(document === undefined ? [] : [{ name: 'document', documents: document }]),
        { name: 'question', messages: question ?? '' },
      ],
    });
    return request;
  });
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The row that the documentation must have. */
function row(name: string, theirs: Run, ours: Run): string {
  const cells = [theirs.costRatio, ours.costRatio, theirs.readShare, ours.readShare].map(percent);
  return `| ${name} | ${cells.join(' | ')} |`;
}

const page = readFileSync(new URL('../../docs/content.md', import.meta.url), 'utf8').replaceAll(
  / {2,}/g,
  ' ',
);

describe('common patterns that never hit', () => {
  it('content versioning: no marker on what changed, and none ever again on what is old', async () => {
    const manager = new ArticleVersionManager(() => emulated.nowMs());
    const theirs = await run((minute) => buildArticleRequest(manager, contentsAt(minute)));
    await emulated.close();
    emulated = await startEmulated();
    const ours = await runOurs();

    const all = TOOL_WORDS + SYSTEM_WORDS + DOCUMENT_WORDS;
    // New content is left unmarked: the first request writes nothing, the second does, the third is the first to read.
    expect(theirs.reads.slice(0, 3)).toEqual([0, 0, all]);
    expect(ours.reads.slice(0, 3)).toEqual([0, all, all]);
    // The document is too old after half an hour and the system prompt after one, and nothing makes them young again.
    expect(theirs.reads.slice(31, 61)).toEqual(Array.from({ length: 30 }, () => TOOL_WORDS + SYSTEM_WORDS));
    expect(theirs.reads.slice(61, 90)).toEqual(Array.from({ length: 29 }, () => TOOL_WORDS));
    // Only a change of its bytes has the document marked again, for half an hour, one request too late.
    expect(theirs.reads.slice(90, 93)).toEqual([TOOL_WORDS, TOOL_WORDS, all]);
    expect(theirs.reads.slice(121)).toEqual(Array.from({ length: 59 }, () => TOOL_WORDS));
    expect(ours.reads.slice(1, 90)).toEqual(Array.from({ length: 89 }, () => all));
    expect(ours.reads.slice(91)).toEqual(Array.from({ length: 89 }, () => all));
    expect(ours.reads[90]).toBe(TOOL_WORDS + SYSTEM_WORDS);

    expect(theirs.costRatio / ours.costRatio).toBeGreaterThan(4);
    expect(page).toContain(row('content versioning', theirs, ours));
  });

  it('time-based invalidation: a marker once an hour is a write that nobody reads', async () => {
    const manager = new ArticleTimeManager(() => emulated.nowMs());
    const theirs = await run((minute) => {
      const { system, question } = contentsAt(minute);
      const marker = manager.shouldCache(60) ? MARKER : {};
      return {
        system: [{ type: 'text', text: system, ...marker }],
        messages: [{ role: 'user', content: question }],
      };
    });
    await emulated.close();
    emulated = await startEmulated();
    const ours = await runOurs(({ system, question }) => ({ system, question }));

    expect(Math.max(...theirs.reads)).toBe(0);
    expect(theirs.costRatio).toBeGreaterThan(1);
    expect(ours.reads.slice(1)).toEqual(Array.from({ length: REQUESTS - 1 }, () => SYSTEM_WORDS));
    expect(page).toContain(row('time-based invalidation', theirs, ours));
  });
});
