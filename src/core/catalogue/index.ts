export { MODELS } from './models.ts';
export { PLATFORMS, type PlatformId, type PlatformRules } from './platforms.ts';
export {
  defaultCatalogue,
  extendCatalogue,
  resolveModel,
  type Catalogue,
  type ModelOverride,
  type ResolvedModel,
} from './resolve.ts';
export type { Effort, Family, ModelFacts, PriceRecord, ThinkingRules, ToolOverhead } from './types.ts';
