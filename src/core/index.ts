/**
 * The pure model of Claude's prompt cache: models and prices, prompts as blocks, prefixes, `cacheStep`, bills.
 * Browser-safe: hash function, time and token counts are parameters.
 */
export * from './bill/index.ts';
export * from './cache/index.ts';
export * from './catalogue/index.ts';
export { findDivergence, type Divergence, type DivergenceReason } from './divergence.ts';
export { isObject, stringMember, type JsonObject } from './json.ts';
export { formatUsd, picoPerToken, PICO_PER_USD, toUsd, type PicoUsd } from './money.ts';
export { partitionOf, type PartitionFacts } from './partition.ts';
export * from './prompt/index.ts';
export * from './tokens/index.ts';
