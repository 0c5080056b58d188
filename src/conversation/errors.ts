export type ConversationErrorCode = 'BAD_CONTENT' | 'TOO_LONG' | 'CONFLICT' | 'CUT_SHORT';

/**
 * A conversation cannot do what was asked; `message` is a sentence for people. `BAD_CONTENT`: what was said cannot follow
 * this history. `TOO_LONG`: it does not fit under the limit, whatever is cut. `CONFLICT`: another process has saved this
 * conversation meanwhile; `answer` is what the model said all the same. `CUT_SHORT`: a stream ended before its message did.
 */
export class ConversationError extends Error {
  override readonly name = 'ConversationError' as const;
  readonly code: ConversationErrorCode;
  readonly answer: unknown;

  constructor(code: ConversationErrorCode, message: string, answer: unknown = null) {
    super(message);
    this.code = code;
    this.answer = answer;
  }
}

export type CheckpointErrorCode = 'CORRUPT' | 'FOREIGN' | 'NEWER' | 'LOCKED' | 'CONFLICT';

/**
 * A checkpoint cannot be opened or saved; `message` says why. `CORRUPT`: damaged or cut short. `FOREIGN`: something else, or
 * another conversation's. `NEWER`: written by a later version. `LOCKED`: encrypted, with no key or another one. `CONFLICT`:
 * another writer was quicker.
 */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError' as const;
  readonly code: CheckpointErrorCode;

  constructor(code: CheckpointErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
