import type { MessagePort } from 'node:worker_threads';

import { LedgerError, type LedgerErrorCode } from '../ledger.ts';

/** A question to a worker thread. */
export interface WorkerCall {
  readonly number: number;
  readonly method: string;
  readonly argument: unknown;
}

/** Its answer, or what went wrong: errors lose their members on the way, so they are spelt out. */
export type WorkerAnswer =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly message: string; readonly code: string | null };

/** What a worker thread answers, by name of the method. */
export type WorkerMethods = Readonly<Record<string, (argument: never) => unknown>>;

function answerTo({ number, method, argument }: WorkerCall, methods: WorkerMethods): WorkerAnswer {
  try {
    const run = methods[method] as ((argument: unknown) => unknown) | undefined;
    return { number, result: run?.(argument) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { number, message, code: error instanceof LedgerError ? error.code : null };
  }
}

/** Answers the calls that come through a port. */
export function answerCalls(port: MessagePort | null, methods: WorkerMethods): void {
  port?.on('message', (call: WorkerCall) => port.postMessage(answerTo(call, methods)));
}

/** An error of a worker thread as one of this thread. */
export function toError(message: string, code: string | null): Error {
  return new LedgerError((code ?? 'LEDGER_UNUSABLE') as LedgerErrorCode, message);
}
