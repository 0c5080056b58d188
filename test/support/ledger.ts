import { createMemoryLedger, type MemoryLedger, type RequestRecord } from '../../src/ledger/index.ts';

/** A ledger that a test can wait for. */
export interface WatchedLedger extends MemoryLedger {
  /** The next record that is added, or one that nobody has waited for yet; in order. */
  next(): Promise<RequestRecord>;
}

/** Wraps a memory ledger. */
export function watchLedger(): WatchedLedger {
  const ledger = createMemoryLedger();
  const records: RequestRecord[] = [];
  const waiting: ((record: RequestRecord) => void)[] = [];
  return {
    ...ledger,
    add(record) {
      ledger.add(record);
      const waiter = waiting.shift();
      if (waiter) waiter(record);
      else records.push(record);
    },
    next: () =>
      new Promise((resolve) => {
        const ready = records.shift();
        if (ready) resolve(ready);
        else waiting.push(resolve);
      }),
  };
}
