import { parentPort, workerData } from 'node:worker_threads';

import { answerCalls } from '../sqlite/worker-calls.ts';
import type { BodyChoice, KeptBodies, RawBodies } from './bodies.ts';
import { BodyWriter, type BodyResult, type BodySettings } from './body-writer.ts';

/** What the thread that keeps bodies can be asked for. */
export interface BodyMethods {
  open(argument: null): BodyResult;
  add(argument: readonly RawBodies[]): BodyResult;
  find(argument: { readonly id: string; readonly nowMs: number }): KeptBodies | null;
  remove(argument: BodyChoice): number;
  expire(argument: { readonly nowMs: number }): void;
  close(argument: null): void;
}

const { file, settings } = workerData as { readonly file: string; readonly settings: BodySettings };
const writer = new BodyWriter(file, settings);

const methods: BodyMethods = {
  open: () => writer.open(),
  add: (bodies) => writer.add(bodies),
  find: ({ id, nowMs }) => writer.find(id, nowMs),
  remove: (choice) => writer.remove(choice),
  expire: ({ nowMs }) => writer.expire(nowMs),
  close: () => writer.close(),
};

answerCalls(parentPort, { ...methods });
