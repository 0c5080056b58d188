/** Asks a live service the questions about its cache that no source answers. */
export {
  planProbe,
  QUESTIONS,
  runProbe,
  type ProbeOptions,
  type ProbePlan,
  type ProbePorts,
} from './probe.ts';
export {
  agreedQuestions,
  readProfile,
  readProfiles,
  writeProfile,
  type Certainty,
  type ProbeAnswer,
  type ProbeProfile,
} from './profile.ts';
export type { ProbeClock } from './scheduler.ts';
export type { Budget, RawReply, Transport } from './send.ts';
export type { AnswerValue, ApiCall, Question, QuestionName } from './types.ts';
