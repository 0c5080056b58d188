import { parentPort, workerData } from 'node:worker_threads';

import type { ListFilter, RecordFilter, Summary, TimelineRow } from '../ledger.ts';
import type { Reuse } from '../reuse.ts';
import type { BodyPage, Cursor } from './run-queries.ts';
import { ReopeningReader } from './reopening-reader.ts';
import { answerCalls } from './worker-calls.ts';

/** What the thread that reads can be asked for. */
export interface ReadMethods {
  summary(argument: { readonly filter: RecordFilter }): Summary;
  timeline(argument: { readonly filter: RecordFilter; readonly bucketMs: number }): readonly TimelineRow[];
  reuse(argument: { readonly filter: RecordFilter }): Reuse;
  list(argument: {
    readonly limit: number;
    readonly before: string | undefined;
    readonly filter: ListFilter;
  }): readonly string[];
  page(argument: {
    readonly filter: RecordFilter;
    readonly isOwn: boolean;
    readonly after: Cursor | null;
  }): BodyPage;
  /** Closes the file; the next question opens it again. */
  close(argument: null): void;
}

const reader = new ReopeningReader((workerData as { readonly file: string }).file);

const methods: ReadMethods = {
  summary: ({ filter }) => reader.ask((queries) => queries.summary(filter)),
  timeline: ({ filter, bucketMs }) => reader.ask((queries) => queries.timeline(filter, bucketMs)),
  reuse: ({ filter }) => reader.ask((queries) => queries.reuse(filter)),
  list: ({ limit, before, filter }) => reader.ask((queries) => queries.list(limit, before, filter)),
  page: ({ filter, isOwn, after }) => reader.ask((queries) => queries.page(filter, isOwn, after)),
  close: () => reader.close(),
};

answerCalls(parentPort, { ...methods });
