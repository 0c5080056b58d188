import type { CancelTimer, Clock, Timers } from '../../runtime/index.ts';

/** Keys with a time each at which they are due. To move a time costs nothing until the old one has come. */
export interface DueQueue {
  /** Sets when a key is due; later than before is free, earlier is not. */
  set(key: string, dueMs: number): void;
  remove(key: string): void;
  readonly size: number;
  clear(): void;
}

interface Item {
  readonly key: string;
  /** When it is looked at; the key may be due later by now. */
  readonly atMs: number;
}

/** A heap in an array: the first item is looked at first. */
class Heap {
  readonly #items: Item[] = [];

  get first(): Item | undefined {
    return this.#items[0];
  }

  clear(): void {
    this.#items.length = 0;
  }

  push(item: Item): void {
    const items = this.#items;
    let at = items.length;
    for (let parent = (at - 1) >> 1; at > 0 && timeOf(items[parent]) > item.atMs; parent = (at - 1) >> 1) {
      items[at] = items[parent] ?? item;
      at = parent;
    }
    items[at] = item;
  }

  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (!last || items.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = timeOf(items[left + 1]) < timeOf(items[left]) ? left + 1 : left;
      const item = items[child];
      if (!item || item.atMs >= last.atMs) break;
      items[at] = item;
      at = child;
    }
    items[at] = last;
  }
}

const timeOf = (item: Item | undefined): number => item?.atMs ?? Infinity;

/** A queue with one timer. `onDue` is told of each key once, and then no more until it is set again. */
export function createDueQueue(clock: Clock, timers: Timers, onDue: (key: string) => void): DueQueue {
  const heap = new Heap();
  const dueMs = new Map<string, number>();
  /** The earliest item of each key that is in the heap. */
  const queuedMs = new Map<string, number>();
  let cancel: CancelTimer = () => undefined;
  let timerMs = Infinity;

  const arm = (): void => {
    const nextMs = timeOf(heap.first);
    if (nextMs === timerMs) return;
    cancel();
    timerMs = nextMs;
    cancel = nextMs === Infinity ? () => undefined : timers.after(nextMs - clock.nowMs(), run, true);
  };

  const push = (key: string, atMs: number): void => {
    queuedMs.set(key, atMs);
    heap.push({ key, atMs });
  };

  /** The key's due time where it has come; an item that was moved is queued again, one that was removed is dropped. */
  const take = ({ key, atMs }: Item, nowMs: number): boolean => {
    if (queuedMs.get(key) !== atMs) return false;
    queuedMs.delete(key);
    const due = dueMs.get(key);
    if (due === undefined) return false;
    if (due > nowMs) {
      push(key, due);
      return false;
    }
    dueMs.delete(key);
    return true;
  };

  function run(): void {
    timerMs = Infinity;
    const nowMs = clock.nowMs();
    const due: string[] = [];
    for (let item = heap.first; item && item.atMs <= nowMs; item = heap.first) {
      heap.pop();
      if (take(item, nowMs)) due.push(item.key);
    }
    arm();
    for (const key of due) onDue(key);
  }

  return {
    set(key, atMs) {
      dueMs.set(key, atMs);
      if ((queuedMs.get(key) ?? Infinity) > atMs) push(key, atMs);
      arm();
    },
    remove: (key) => void dueMs.delete(key),
    get size() {
      return dueMs.size;
    },
    clear() {
      dueMs.clear();
      queuedMs.clear();
      heap.clear();
      arm();
    },
  };
}
