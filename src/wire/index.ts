/** Bytes and prompts: where blocks and markers are in a body, writing and removing markers, reading and writing responses. */
export type { Span } from './json-bytes.ts';
export { createBodyReader, type BodyReader, type BodyReaderLimits, type ReadBody } from './body-reader.ts';
export { insertMember } from './insert-member.ts';
export { createJsonUsageTap, type JsonTapLimits } from './json-usage-tap.ts';
export { parseBody, type ParsedBody } from './parse-body.ts';
export { hasMarker, type BlockSite, type BodyPath, type MessageSite, type PlainSite } from './scan-block.ts';
export type { MemberSite } from './scan-inner.ts';
export { findSite, scanBody, type BodyMap, type ScanFailure } from './scan-body.ts';
export {
  removeMarkers,
  spliceMarkers,
  type MarkerSelector,
  type Placement,
  type SplicedBody,
} from './splice.ts';
export { createSseUsageTap, type SseTapLimits } from './sse-usage-tap.ts';
export {
  encodeSseEvent,
  messageToSseEvents,
  type SseEvent,
  type WireBlock,
  type WireMessage,
} from './sse-write.ts';
export { NOTHING_READ, type UsageReading, type UsageTap } from './usage-tap.ts';
export {
  mergeUsage,
  pricingOf,
  readUsage,
  type BilledIteration,
  type BilledUsage,
  type ServerToolRequests,
  type WireCacheCreation,
  type WireIteration,
  type WireServerToolUse,
  type WireUsage,
} from './usage.ts';
