export {
  calibrate,
  MAX_CALIBRATED_MODELS,
  observe,
  type Calibration,
  type ModelCalibration,
  type Observation,
} from './calibration.ts';
export { estimateBlock } from './estimate-block.ts';
export { estimateText, type TextEstimate } from './estimate-text.ts';
export {
  applyProfile,
  sumEstimates,
  TOKENIZER_PROFILES,
  type ClassProfile,
  type TokenEstimate,
  type TokenizerGeneration,
  type TokenizerProfile,
} from './profiles.ts';
export { CONTENT_CLASSES, type ContentClass } from './tally.ts';
