import { Worker } from 'node:worker_threads';

import { LedgerError } from '../ledger.ts';
import { toError, type WorkerAnswer } from './worker-calls.ts';

interface Waiting {
  readonly worker: Worker;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Method = (argument: never) => unknown;

/** What threads run: modules beside this one. */
type WorkerName = 'read-worker' | 'write-worker' | '../bodies/body-worker';

/** The sources run as they are, the package as JavaScript. */
const ENDING = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/**
 * A worker thread that answers questions. It is started by the first one, and again after it has died; it does not keep
 * the process alive while nobody waits for an answer.
 */
export class WorkerLink<Methods extends { [Name in keyof Methods]: Method } & { readonly close: Method }> {
  readonly #name: WorkerName;
  readonly #workerData: unknown;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #calls = 0;

  /** @param more What the thread is given besides the file. */
  constructor(name: WorkerName, file: string, more: Readonly<Record<string, unknown>> = {}) {
    this.#name = name;
    this.#workerData = { ...more, file };
  }

  /** @throws LedgerError with what went wrong there. */
  async call<Name extends keyof Methods & string>(
    method: Name,
    argument: Parameters<Methods[Name]>[0],
  ): Promise<ReturnType<Methods[Name]>> {
    const worker = (this.#worker ??= this.#start());
    const number = (this.#calls += 1);
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(number, { worker, resolve, reject });
    });
    worker.ref();
    worker.postMessage({ number, method, argument });
    return (await answer) as ReturnType<Methods[Name]>;
  }

  /**
   * Ends the thread. It closes its file first: a thread that is ended while its database is open, or being asked, can take the
   * whole process with it.
   */
  async end(): Promise<void> {
    if (!this.#worker) return;
    await this.call('close', null as Parameters<Methods['close']>[0]).catch(() => undefined);
    await this.terminate();
  }

  /** Ends the thread whatever it does. */
  async terminate(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  #start(): Worker {
    const url = new URL(`./${this.#name}.${ENDING}`, import.meta.url);
    const worker = new Worker(url, { workerData: this.#workerData });
    worker.on('message', (answer: WorkerAnswer) => this.#settle(worker, answer));
    const lose = (reason: string): void => this.#lose(worker, reason);
    worker.on('error', (error: unknown) => lose(error instanceof Error ? error.message : String(error)));
    worker.on('exit', () => lose('it ended'));
    return worker;
  }

  #settle(worker: Worker, answer: WorkerAnswer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if (this.#waiting.size === 0) worker.unref();
    if ('result' in answer) waiting?.resolve(answer.result);
    else waiting?.reject(toError(answer.message, answer.code));
  }

  #lose(worker: Worker, reason: string): void {
    if (this.#worker === worker) this.#worker = null;
    for (const [number, waiting] of this.#waiting) {
      if (waiting.worker !== worker) continue;
      this.#waiting.delete(number);
      waiting.reject(new LedgerError('LEDGER_UNUSABLE', `the thread of the ledger failed: ${reason}`));
    }
  }
}
