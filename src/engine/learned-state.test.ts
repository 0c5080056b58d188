import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { createMemoryStore, placeInStore, type StatePlace } from '../store/index.ts';
import { wholeFile } from '../store/whole-file.ts';
import { encodeState } from './learned-state-format.ts';
import { keepLearnedState, type KeepStateOptions, type LearnedState } from './learned-state.ts';

/** Learns words; knows nothing but ASCII. */
class Words implements LearnedState {
  revision = 0;
  text = '';
  snapshots = 0;

  learn(word: string): void {
    this.text += word;
    this.revision += 1;
  }

  snapshot(): Uint8Array {
    this.snapshots += 1;
    return Buffer.from(`v1 ${this.text}`);
  }

  restore(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('utf8');
    if (!text.startsWith('v1 ')) throw new Error('this is version 2');
    this.text = text.slice(3);
  }
}

let folder = '';
let time = new ManualTime();
let told: string[] = [];
const file = (): string => join(folder, 'learned-state.bin');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-state-'));
  time = new ManualTime();
  told = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function options(state: LearnedState, place: StatePlace = wholeFile(file(), time)): KeepStateOptions {
  return {
    state,
    place,
    clock: time,
    timers: time,
    everyMs: 60_000,
    tell: (sentence) => void told.push(sentence),
  };
}

/** What a new process knows. */
async function loadWords(place?: StatePlace): Promise<string> {
  const words = new Words();
  await (await keepLearnedState(options(words, place))).close();
  return words.text;
}

describe('what was learned', () => {
  it('is there in the next process, in a file for its owner alone', async () => {
    const words = new Words();
    const kept = await keepLearnedState(options(words));
    expect(kept.loadedFromMs).toBeNull();
    words.learn('one ');
    await kept.save();
    words.learn('two');
    await kept.close();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const again = new Words();
    const keptAgain = await keepLearnedState(options(again));
    expect([again.text, keptAgain.loadedFromMs]).toEqual(['one two', time.nowMs()]);
    await keptAgain.close();
    expect(readdirSync(folder)).toEqual(['learned-state.bin']);
    expect(told).toEqual([]);
  });

  it('is saved every minute, when there is something new', async () => {
    const words = new Words();
    const store = createMemoryStore({ clock: time });
    const kept = await keepLearnedState(options(words, placeInStore(store, 'learned')));
    const minute = async (): Promise<void> => {
      time.advance(60_000);
      await kept.save();
    };
    await minute();
    expect(words.snapshots).toBe(0);
    words.learn('a');
    time.advance(59_999);
    expect(words.snapshots).toBe(0);
    time.advance(1);
    expect(words.snapshots).toBe(1);
    await kept.save();
    await kept.close();
    expect([words.snapshots, time.waiting]).toEqual([1, 0]);
    expect(await loadWords(placeInStore(store, 'learned'))).toBe('a');
  });

  it('loses nothing that is learned while it is being saved', async () => {
    const words = new Words();
    const kept = await keepLearnedState(options(words));
    words.learn('before ');
    const saving = kept.save();
    words.learn('meanwhile');
    await kept.close();
    await saving;
    expect(await loadWords()).toBe('before meanwhile');
  });
});

describe('much that was learned', () => {
  /** Copied in four slices. */
  class ManyWords extends Words {
    slices = 0;

    beginSnapshot(): { copySlice(): boolean; finish(): Uint8Array } {
      const whole = this.snapshot();
      let left = 4;
      return {
        copySlice: () => {
          this.slices += 1;
          left -= 1;
          return left === 0;
        },
        finish: () => whole,
      };
    }
  }

  it('is copied slice by slice, with time for others between', async () => {
    const words = new ManyWords();
    const kept = await keepLearnedState(options(words));
    words.learn('before ');
    const saving = kept.save();
    for (let slices = 1; slices < 4; slices += 1) {
      expect(words.slices).toBe(slices);
      words.learn('meanwhile ');
      time.advance(0);
      await Promise.resolve();
    }
    await saving;
    expect([words.slices, await loadWords()]).toEqual([4, 'before ']);
    await kept.close();
  });

  it('is copied at once when we close: nobody waits any more', async () => {
    const words = new ManyWords();
    const kept = await keepLearnedState(options(words));
    words.learn('all');
    await kept.close();
    expect([words.slices, await loadWords()]).toEqual([1, 'all']);
  });
});

describe('what cannot be used', () => {
  const cases: readonly (readonly [string, () => Promise<Uint8Array>, string])[] = [
    ['nothing of ours', async () => Buffer.from('{"a":1}'), 'is not what Cachewright writes'],
    ['an empty file', async () => new Uint8Array(), 'is not what Cachewright writes'],
    ['cut off', async () => (await whole('v1 x')).slice(0, -1), 'is cut off'],
    ['damaged', async () => (await whole('v1 x')).fill(7, 74), 'is damaged'],
    [
      'of a newer version',
      async () => (await whole('v1 x')).fill(9, 8, 9),
      'has format 9, and this version knows 1',
    ],
    ['of a newer planner', async () => whole('v2 x'), 'cannot be used (this is version 2)'],
  ];
  const whole = (text: string): Promise<Uint8Array> => encodeState({ bytes: Buffer.from(text), savedMs: 0 });

  it.each(cases)('%s: told in a sentence, moved aside, begun anew', async (_what, make, why) => {
    const bytes = await make();
    writeFileSync(file(), bytes);
    expect(await loadWords()).toBe('');
    const [aside = ''] = readdirSync(folder);
    expect(aside).toMatch(/^learned-state\.bin\.corrupt-2026-11-/);
    expect(readFileSync(join(folder, aside)).equals(bytes)).toBe(true);
    expect(told).toEqual([
      `the learned state in ${file()} ${why}: it was moved to ${join(folder, aside)}, and learning begins anew`,
    ]);
  });

  it('in a store is kept under another key', async () => {
    const store = createMemoryStore({ clock: time });
    await store.put('learned', Buffer.from('what?'));
    expect(await loadWords(placeInStore(store, 'learned'))).toBe('');
    expect((await store.list('')).map(({ key }) => key)).toEqual(['corrupt/learned']);
    expect(told).toHaveLength(1);
  });
});

describe('a place that fails', () => {
  it('is told once, when it begins and when it is over; nothing else comes of it', async () => {
    let isFull = true;
    let saved: Uint8Array | null = null;
    const place: StatePlace = {
      shown: 'the place',
      read: async () => {
        throw Object.assign(new Error('EIO: i/o error, read the place'), { code: 'EIO' });
      },
      write: async (bytes) => {
        if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        saved = bytes;
      },
      setAside: async () => '',
    };
    const words = new Words();
    const kept = await keepLearnedState(options(words, place));
    for (const word of ['a', 'b', 'c']) {
      words.learn(word);
      await kept.save();
    }
    isFull = false;
    await kept.save();
    expect(saved).not.toBeNull();
    expect(told).toEqual([
      'the learned state in the place cannot be read (EIO): it begins anew',
      'the learned state cannot be saved in the place (ENOSPC): we go on without',
      'the learned state is saved again in the place',
    ]);
    await kept.close();
  });

  it('may be a folder that cannot be: a file is in its way', async () => {
    writeFileSync(file(), 'in the way');
    const words = new Words();
    const kept = await keepLearnedState(options(words, wholeFile(join(file(), 'below', 'state.bin'), time)));
    words.learn('a');
    await kept.close();
    expect(told.map((sentence) => /\(.*$/.exec(sentence)?.[0])).toEqual([
      '(ENOTDIR): it begins anew',
      '(ENOTDIR): we go on without',
    ]);
  });
});
