import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { recordOf } from '../../test/support/record.ts';
import { RowQueue, type RowSink } from './row-queue.ts';
import { toRow, type LedgerRow } from './rows.ts';

const rowOf = (index: number): LedgerRow => toRow(recordOf({ id: `r${index}` }));
const addTo = (queue: RowQueue, from: number, to: number): void => {
  for (let index = from; index < to; index += 1) queue.add(rowOf(index));
};

/** A place that answers when the test says so. */
class SlowSink implements RowSink {
  readonly batches: string[][] = [];
  #settle: ((refused: number | Error) => void)[] = [];

  store(rows: readonly LedgerRow[]): Promise<number> {
    this.batches.push(rows.map(({ id }) => id));
    return new Promise((resolve, reject) => {
      this.#settle.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
    });
  }

  async answer(result: number | Error): Promise<void> {
    this.#settle.shift()?.(result);
    // What follows from it takes a few turns of promises.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
}

function open(rowsMax = 10): { queue: RowQueue; sink: SlowSink; time: ManualTime; told: string[] } {
  const [sink, time, told] = [new SlowSink(), new ManualTime(), [] as string[]];
  const tell = (sentence: string): void => void told.push(sentence);
  const queue = new RowQueue({ sink, timers: time, tell, rowsMax, charactersMax: 100_000, batchRowsMax: 6 });
  return { queue, sink, time, told };
}

describe('a queue of rows', () => {
  it('gathers rows for a tenth of a second, and stores one batch at a time', async () => {
    const { queue, sink, time } = open();
    addTo(queue, 0, 3);
    time.advance(99);
    expect(sink.batches).toEqual([]);
    time.advance(1);
    expect(sink.batches).toEqual([['r0', 'r1', 'r2']]);
    addTo(queue, 3, 5);
    time.advance(1_000);
    expect(sink.batches).toHaveLength(1);
    expect(queue.health().waiting).toBe(5);
    await sink.answer(0);
    expect(queue.health().waiting).toBe(2);
    time.advance(100);
    expect(sink.batches).toEqual([
      ['r0', 'r1', 'r2'],
      ['r3', 'r4'],
    ]);
  });

  it('makes rows a few at a time, and loses no other where one cannot be made', async () => {
    const { queue, sink } = open(100);
    const made: number[] = [];
    const later = (index: number): void =>
      queue.addLater(() => {
        made.push(index);
        if (index === 1) throw new RangeError('no such bill');
        return rowOf(index);
      });
    for (let index = 0; index < 31; index += 1) later(index);
    expect(made).toEqual([]);
    expect(queue.health()).toMatchObject({ waiting: 31, dropped: 0 });
    later(31);
    expect(made).toHaveLength(32);
    expect(queue.health()).toMatchObject({ waiting: 31, dropped: 1 });
    expect(sink.batches[0]).toEqual(['r0', 'r2', 'r3', 'r4', 'r5', 'r6']);
    const flushed = queue.flush();
    later(32);
    for (let batch = 0; batch < 6; batch += 1) await sink.answer(0);
    await flushed;
    expect(queue.health()).toMatchObject({ waiting: 0, dropped: 1 });
    expect(sink.batches.flat()).toHaveLength(32);
  });

  it('makes the last rows when their time has come', () => {
    const { queue, sink, time } = open();
    queue.addLater(() => rowOf(0));
    time.advance(100);
    expect(sink.batches).toEqual([['r0']]);
  });

  it('counts what it has no room for, also while a batch is on its way, and tells it once', async () => {
    const { queue, sink, time, told } = open(4);
    addTo(queue, 0, 4);
    time.advance(100);
    addTo(queue, 4, 9);
    await sink.answer(2);
    expect(queue.health()).toEqual({ waiting: 0, dropped: 7, problem: null });
    expect(told).toEqual([expect.stringContaining('records are being lost')]);
  });

  it('keeps rows that could not be stored, tries again more and more rarely, and tells twice', async () => {
    const { queue, sink, time, told } = open();
    addTo(queue, 0, 2);
    time.advance(100);
    const pausesMs: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const before = sink.batches.length;
      await sink.answer(new Error('no room'));
      for (let pauseMs = 50; ; pauseMs += 50) {
        time.advance(50);
        if (sink.batches.length === before) continue;
        pausesMs.push(pauseMs);
        break;
      }
    }
    expect(pausesMs).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(queue.health()).toEqual({ waiting: 2, dropped: 0, problem: 'no room' });
    await sink.answer(0);
    expect(queue.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
    expect(new Set(sink.batches.map(String))).toEqual(new Set(['r0,r1']));
    expect(told).toEqual([expect.stringContaining('no room'), 'the ledger stores records again']);
  });

  it('flushes at once, gives up when that fails, and ends with the batch that is on its way', async () => {
    const { queue, sink, time } = open();
    addTo(queue, 0, 2);
    const failing = queue.flush();
    await Promise.resolve();
    await sink.answer(new Error('no room'));
    await failing;
    addTo(queue, 2, 4);
    expect(queue.health().waiting).toBe(4);
    time.advance(20_000);
    const ended = queue.stop();
    await sink.answer(0);
    await ended;
    expect(queue.health().waiting).toBe(0);
    addTo(queue, 4, 5);
    time.advance(60_000);
    expect(time.waiting).toBe(0);
    expect(sink.batches).toEqual([
      ['r0', 'r1'],
      ['r0', 'r1', 'r2', 'r3'],
    ]);
  });

  it('stores at once when a whole batch has come, and no more than that in one go', async () => {
    const { queue, sink } = open();
    addTo(queue, 0, 9);
    expect(sink.batches).toEqual([['r0', 'r1', 'r2', 'r3', 'r4', 'r5']]);
    const flushed = queue.flush();
    await sink.answer(0);
    await sink.answer(0);
    await flushed;
    expect(sink.batches[1]).toEqual(['r6', 'r7', 'r8']);
  });

  it('hurries for whoever reads: what is there, and not for longer than that takes or is allowed', async () => {
    const { queue, sink, time } = open();
    let isOver = false;
    const hurry = async (): Promise<void> => {
      isOver = false;
      await queue.hurry(250);
      isOver = true;
    };
    await hurry();
    expect(sink.batches).toEqual([]);
    addTo(queue, 0, 2);
    void hurry();
    addTo(queue, 2, 3);
    await Promise.resolve();
    await Promise.resolve();
    expect(sink.batches).toEqual([['r0', 'r1', 'r2']]);
    await sink.answer(0);
    expect([isOver, queue.health().waiting, time.waiting]).toEqual([true, 0, 0]);
    addTo(queue, 3, 4);
    void hurry();
    await Promise.resolve();
    time.advance(250);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect([isOver, queue.health().waiting]).toEqual([true, 1]);
    await sink.answer(new Error('no room'));
    // What cannot be stored now is not tried for every reader.
    await hurry();
    expect([isOver, sink.batches.length]).toEqual([true, 2]);
  });

  it('is bounded in characters as well', () => {
    const { queue } = open();
    const large = toRow(recordOf({ error: 'x'.repeat(40_000) }));
    for (let count = 0; count < 3; count += 1) queue.add(large);
    expect(queue.health()).toMatchObject({ waiting: 2, dropped: 1 });
  });
});
