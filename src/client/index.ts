/** Caching inside a program, without a gateway: a middleware for the official SDK, and a `fetch` for every other. */
export type { CachewrightOptions, Door, DoorCounters, DoorOptions, SharedEngine } from './door.ts';
export { cachewrightFetch, type CachewrightFetch, type CachewrightFetchOptions } from './fetch.ts';
export type { SpanNotes } from './span.ts';
export { cachewright, type CachewrightMiddleware, type SdkRequest } from './middleware.ts';
