/** Traces of requests as columns of numbers, and what reads and builds them. */
export { readTrace, type ReadTraceOptions } from './read-trace.ts';
export { TraceBuilder } from './trace-builder.ts';
export { TraceError } from './trace-error.ts';
export * from './trace.ts';
