export { KEY_ORDER, canonicalJson, hasKeyOrder } from './canonical.ts';
export { readMarkers, type BodyMarkers, type MarkerProblem } from './markers.ts';
export type { PromptOverhead } from './overhead.ts';
export {
  chainPrefixes,
  readPrompt,
  toCacheRequest,
  type ChainOptions,
  type HashText,
  type Prompt,
  type PromptOptions,
} from './prompt.ts';
export {
  isThinkingType,
  pathText,
  type BlockPath,
  type Level,
  type PlainContent,
  type RawBlock,
  type WorkedOut,
} from './raw-blocks.ts';
export { isHashed, type Block, type PrefixLink } from './rendered-block.ts';
export type { SettingMixes } from './settings.ts';
