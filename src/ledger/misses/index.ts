export { compareTexts, type TextDifference } from './compare-text.ts';
export type { ToolNames } from './changed-tools.ts';
export { readDiagnostics } from './diagnostics.ts';
export type { SentRequest } from './entry-parts.ts';
export { chooseRelations, explainMisses } from './explain.ts';
export { RequestHistory, type HistoryLimits, type NotedRequest } from './history.ts';
export { partsRead, priceMisses } from './price.ts';
export { relate, type Comparison, type Relation } from './relate.ts';
export {
  blockOfPart,
  lengthOf,
  outlinePrompt,
  partsUpToBlock,
  samePrefixes,
  type CachedPart,
  type PromptOutline,
  type SeenRequest,
} from './seen-prompt.ts';
export { createSettingsReader, type Settings } from './settings.ts';
export { shapeOf } from './shape.ts';
