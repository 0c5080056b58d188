import { parentPort, workerData } from 'node:worker_threads';

import type { RecordFilter, Summary, TimelineRow } from '../ledger.ts';
import type { BodyPage, Cursor } from './ledger-queries.ts';
import { ReopeningReader } from './reopening-reader.ts';
import { answerCalls } from './worker-calls.ts';

/** What the thread that reads can be asked for. */
export interface ReadMethods {
  summary(argument: { readonly filter: RecordFilter }): Summary;
  timeline(argument: { readonly filter: RecordFilter; readonly bucketMs: number }): readonly TimelineRow[];
  list(argument: { readonly limit: number; readonly before: string | undefined }): readonly string[];
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
  list: ({ limit, before }) => reader.ask((queries) => queries.list(limit, before)),
  page: ({ filter, isOwn, after }) => reader.ask((queries) => queries.page(filter, isOwn, after)),
  close: () => reader.close(),
};

answerCalls(parentPort, { ...methods });
