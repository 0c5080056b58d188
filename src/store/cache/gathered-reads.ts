import { afterTurn } from '../../runtime/index.ts';
import { StoreError } from '../store.ts';

type Value = Uint8Array | null;

interface Waiting {
  readonly key: string;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

/** Readings on their way at one time; more would be smaller, and fewer would wait longer for each other. */
const RUNNING_MAX = 2;
/** Keys in one reading, so that a value does not wait for too many others. */
const KEYS_MAX = 16;

/**
 * Reads single keys, many at a time: what is asked for in one turn of the event loop goes together, and what is asked for
 * while others are on their way with the next reading. On a quiet server each key is read at once.
 */
export class GatheredReads {
  readonly #readMany: (keys: readonly string[]) => Promise<readonly Value[]>;
  readonly #atTurnEnd: (run: () => void) => void;
  #waiting: Waiting[] = [];
  #running = 0;
  #isStarting = false;

  /**
   * @param readMany the values in the order of their keys
   * @param atTurnEnd calls at the end of this turn
   */
  constructor(
    readMany: (keys: readonly string[]) => Promise<readonly Value[]>,
    atTurnEnd: (run: () => void) => void = afterTurn,
  ) {
    this.#readMany = readMany;
    this.#atTurnEnd = atTurnEnd;
  }

  /** @throws whatever the reading throws with which the key went, or for which it waited */
  read(key: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      this.#startSoon();
    });
  }

  #startSoon(): void {
    if (this.#isStarting || this.#running >= RUNNING_MAX) return;
    this.#isStarting = true;
    this.#atTurnEnd(() => {
      this.#isStarting = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#running >= RUNNING_MAX) return;
    const going = this.#waiting.splice(0, KEYS_MAX);
    if (going.length === 0) return;
    this.#running += 1;
    this.#readMany(going.map(({ key }) => key)).then(
      (values) => {
        this.#running -= 1;
        if (this.#waiting.length > 0) this.#startSoon();
        for (const [index, { resolve }] of going.entries()) resolve(values[index] ?? null);
      },
      (error: unknown) => {
        this.#running -= 1;
        this.#fail(going, error);
      },
    );
  }

  /** Those who waited for it have waited long enough: the server that did not answer would not answer them. */
  #fail(going: readonly Waiting[], error: unknown): void {
    const reason = error instanceof Error ? error : new StoreError('STORE_UNUSABLE', String(error));
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of [...going, ...waiting]) reject(reason);
  }
}
