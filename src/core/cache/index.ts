export {
  cacheStep,
  type Breakpoint,
  type BreakpointOutcome,
  type CacheOutcome,
  type CacheRequest,
  type NearMiss,
  type PrefixChain,
  type RequestTimes,
} from './cache-step.ts';
export {
  BREAKPOINTS_MAX,
  LOOKBACK_POSITIONS,
  defaultCacheRules,
  defaultOpenQuestions,
  scaleTtls,
  type CacheRules,
  type OpenQuestions,
  type Ttl,
} from './rules.ts';
export {
  conditionOf,
  emptyCacheState,
  isReadable,
  markReady,
  shortenWritten,
  sweepExpired,
  withdraw,
  type CacheEntry,
  type CacheState,
  type PrefixId,
} from './state.ts';
