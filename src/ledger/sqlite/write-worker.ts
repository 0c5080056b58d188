import { parentPort, workerData } from 'node:worker_threads';

import type { LedgerRow } from '../rows.ts';
import { unpackRows, type RowBatch } from './batch.ts';
import { GuardedWriter, type AddResult } from './guarded-writer.ts';
import { answerCalls } from './worker-calls.ts';

/** What the thread that writes can be asked for; `time` names a file that is found damaged. */
export interface WriteMethods {
  open(argument: { readonly time: string }): AddResult;
  /** Keeps rows until those that are stored together with them have come; the first ones take the place of what was kept. */
  hold(argument: { readonly batch: RowBatch; readonly isFirst: boolean }): void;
  /** Stores rows with those that are kept. */
  add(argument: { readonly batch: RowBatch; readonly isFirst: boolean; readonly time: string }): AddResult;
  /** Whether there is more to remove. */
  remove(argument: {
    readonly recordsBeforeMs: number;
    readonly sumsBeforeMs: number;
    readonly time: string;
  }): boolean;
  close(argument: null): void;
}

const writer = new GuardedWriter((workerData as { readonly file: string }).file);

let held: LedgerRow[] = [];

function hold({ batch, isFirst }: { readonly batch: RowBatch; readonly isFirst: boolean }): void {
  if (isFirst) held = [];
  held.push(...unpackRows(batch));
}

const methods: WriteMethods = {
  open: ({ time }) => writer.open(time),
  hold,
  add(argument) {
    hold(argument);
    try {
      return writer.add(held, argument.time);
    } finally {
      held = [];
    }
  },
  remove: ({ recordsBeforeMs, sumsBeforeMs, time }) => writer.remove(recordsBeforeMs, sumsBeforeMs, time),
  close: () => writer.close(),
};

answerCalls(parentPort, { ...methods });
