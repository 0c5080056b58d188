/** Prompt content with versions, ages and dependants; what an edit costs; requests made of it. */
export type { ByteChange } from './compare-bytes.ts';
export type { Content } from './content.ts';
export {
  UnknownContentError,
  type ContentChange,
  type ContentUse,
  type OnContentChange,
  type Registration,
} from './contents.ts';
export type { LoadContent } from './loader.ts';
export type { LaterBreakpoint, LostPrefix, PromptPreview } from './preview-edit.ts';
export type { VersionRecord } from './records.ts';
export {
  contentRegistry,
  type ContentProblem,
  type ContentRegistry,
  type ContentRegistryOptions,
  type Dependant,
  type EditPreview,
} from './registry.ts';
export type { SmartLayer, SmartRequest, SmartRequestOptions, StoredLayer } from './smart-request.ts';
export type { RequestForecast } from './track-prompt.ts';
