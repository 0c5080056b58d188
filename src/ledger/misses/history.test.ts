import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestHistory, type NotedRequest } from './history.ts';
import type { CachedPart, PromptOutline, SeenRequest } from './seen-prompt.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const settings = { tools: [], system: [], messages: [] };

/** A prompt of one part for each letter. */
function promptOf(text: string): PromptOutline {
  const letters = [...text];
  return {
    model: 'm',
    partition: 'p',
    settings,
    prefixIds: letters.map((_, at) => text.slice(0, at + 1)),
    contentIds: letters.map((letter) => letter.charCodeAt(0)),
    tokens: letters.map((_, at) => (at + 1) * 100),
    systemStart: 0,
    messagesStart: 1,
    toolsHash: null,
    systemHash: null,
    blockIndices: null,
  };
}

const requestOf = (text: string, scope = 's', id = text): SeenRequest => ({
  id,
  scope,
  atMs: 0,
  prompt: promptOf(text),
  cached: null,
  isDeclined: false,
  messageId: null,
});
const cached = (parts: number): CachedPart => ({ parts, ttl: '5m', usedMs: 0 });
const found = (history: RequestHistory, text: string, scope = 's'): string | undefined =>
  history.extendedBy(scope, promptOf(text).prefixIds)?.id;

describe('requests that were seen', () => {
  it('are found by what goes on from them, the longest first, each in its scope', () => {
    const history = new RequestHistory();
    history.note(requestOf('ab'));
    history.note(requestOf('abcd'));
    expect(found(history, 'abcde')).toBe('abcd');
    expect(found(history, 'abc')).toBe('ab');
    expect(found(history, 'ax')).toBeUndefined();
    expect(found(history, 'abc', 'other')).toBeUndefined();
  });

  it('take the place of what they go on from when their response begins, and not before', () => {
    const history = new RequestHistory();
    history.note(requestOf('ab')).begin(cached(2));
    const next = history.note(requestOf('abc'));
    expect(found(history, 'abx')).toBe('ab');
    next.begin(cached(3));
    expect(found(history, 'abx')).toBeUndefined();
    expect(found(history, 'abcx')).toBe('abc');
  });

  it('never were, where they failed', () => {
    const history = new RequestHistory();
    history.note(requestOf('ab')).begin(cached(2));
    history.note(requestOf('ab', 's', 'again')).cancel();
    expect(found(history, 'abc')).toBe('ab');
    expect(history.parts).toBe(2);
  });

  it('explain a prompt where they had more of it than it reads, or may be another form of it', () => {
    const history = new RequestHistory();
    for (const text of ['abcd', 'xbcd', 'apqr', 'astu', 'avwy'])
      history.note(requestOf(text)).begin(cached(4));
    const ids = (readParts: number, isChanged: boolean): readonly string[] =>
      history.candidates('s', promptOf('abce'), readParts, isChanged).map(({ id }) => id);
    expect(ids(3, false)).toEqual([]);
    expect(ids(1, false)).toEqual(['xbcd', 'abcd']);
    // Two whose ends do not come again are looked at for edited parts, and no more.
    expect(ids(1, true)).toEqual(['avwy', 'astu', 'xbcd', 'abcd']);
  });

  it('are found in their scope after others were left empty', () => {
    const history = new RequestHistory();
    history.note(requestOf('ab', 's')).begin(cached(2));
    history.note(requestOf('xy', 't')).cancel();
    expect(history.newestOf('t')).toBeNull();
    expect(history.newestOf('s')?.id).toBe('ab');
    history.note(requestOf('xyz', 't')).begin(cached(3));
    expect(history.newestOf('t')?.id).toBe('xyz');
    expect(history.candidates('t', promptOf('xyq'), 1, false).map(({ id }) => id)).toEqual(['xyz']);
    expect(history.candidates('s', promptOf('abq'), 1, false).map(({ id }) => id)).toEqual(['ab']);
  });

  it('stay as they were for those that were given them', () => {
    const history = new RequestHistory();
    const noted = history.note(requestOf('ab'));
    const before = history.newestOf('s');
    noted.begin(cached(2));
    noted.answered('msg_1');
    expect(before).toMatchObject({ cached: null, messageId: null });
    expect(history.newestOf('s')).toMatchObject({ cached: cached(2), messageId: 'msg_1' });
  });

  it('are bounded by scope, by number and by parts, whatever comes', () => {
    const word = fc.array(fc.constantFrom(...'abc'), { minLength: 1, maxLength: 6 });
    const step = fc.record({
      text: word.map((letters) => letters.join('')),
      scope: fc.constantFrom('s', 't', 'u', 'v'),
      end: fc.constantFrom('begin', 'cancel', 'open'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new RequestHistory({ scopesMax: 3, requestsMax: 4, partsMax: 20 });
        const open: NotedRequest[] = [];
        for (const { text, scope, end } of steps) {
          const noted = history.note(requestOf(text, scope));
          expect(history.parts).toBeLessThanOrEqual(20);
          if (end === 'begin') noted.begin(cached(text.length));
          if (end === 'cancel') noted.cancel();
          if (end === 'open') open.push(noted);
        }
        for (const noted of open) noted.cancel();
        expect(history.parts).toBeGreaterThanOrEqual(0);
        const held = ['s', 't', 'u', 'v'].filter((scope) => history.newestOf(scope) !== null);
        expect(held.length).toBeLessThanOrEqual(3);
      }),
      { numRuns },
    );
  });
});
