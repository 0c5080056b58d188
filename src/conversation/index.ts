/** Conversations that keep their cache: append-only, cut rarely and by large steps, saved and resumed byte for byte. */
export type { BreakEven } from './break-even.ts';
export {
  checkpointer,
  type Checkpointer,
  type CheckpointerOptions,
  type OpenedCheckpoint,
} from './checkpointer.ts';
export { conversation } from './conversation.ts';
export {
  conversationFetch,
  type ConversationFetch,
  type ConversationFetchOptions,
} from './conversation-fetch.ts';
export {
  CheckpointError,
  ConversationError,
  type CheckpointErrorCode,
  type ConversationErrorCode,
} from './errors.ts';
export type { GivenLimits } from './limits.ts';
export type { Content, HistoryMessage } from './message.ts';
export type {
  ChangePrice,
  Conversation,
  ConversationAnswer,
  ConversationBehaviour,
  ConversationOptions,
  ConversationProblem,
  ConversationPrompt,
  ConversationTotals,
  CutReport,
  CutStrategy,
  SendOptions,
  Sent,
  TurnRecord,
} from './options.ts';
export {
  resumeConversation,
  type ChangedPart,
  type Resumed,
  type ResumeOptions,
  type ResumeReport,
} from './resume.ts';
export type { ConversationState, Sums } from './state.ts';
