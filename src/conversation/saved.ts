import { createId, systemRandom } from '../runtime/index.ts';
import type { Checkpointer } from './checkpointer.ts';
import { CheckpointError, ConversationError } from './errors.ts';
import type { ConversationState } from './state.ts';

const OTHER_WRITER =
  'another process has saved this conversation meanwhile, and nothing was merged: resume it, or give this one another id';

/** The checkpoints of one conversation, written by one process. */
export class Saved {
  readonly #checkpointer: Checkpointer;
  readonly #id: string;
  readonly #writer: string = createId('writer', systemRandom);
  readonly #report: (message: string) => void;
  #revision: string | null;

  constructor(
    checkpointer: Checkpointer,
    id: string,
    revision: string | null,
    report: (message: string) => void,
  ) {
    this.#checkpointer = checkpointer;
    this.#id = id;
    this.#revision = revision;
    this.#report = report;
  }

  /** Looks before a turn is paid for. @throws ConversationError `CONFLICT` */
  async checkUnchanged(): Promise<void> {
    const isOurs = await this.#checkpointer
      .isCurrent(this.#id, this.#revision, this.#writer)
      // A store that does not answer is no reason to say nothing: saving will tell.
      .catch(() => true);
    if (!isOurs) throw new ConversationError('CONFLICT', OTHER_WRITER);
  }

  /**
   * Saves what is there after a turn. A store that fails is told, and the next turn saves it all.
   *
   * @throws ConversationError `CONFLICT`, with the answer that was paid for.
   */
  async save(state: ConversationState, answer: unknown): Promise<void> {
    try {
      this.#revision = await this.#checkpointer.save(this.#id, state, this.#revision, this.#writer);
    } catch (error) {
      if (error instanceof CheckpointError && error.code === 'CONFLICT')
        throw new ConversationError('CONFLICT', OTHER_WRITER, answer);
      const reason = error instanceof Error ? error.message : String(error);
      this.#report(`conversation ${this.#id} could not be saved: ${reason}`);
    }
  }

  /** Saves what was billed besides turns; whatever goes wrong is told, and the next turn says it again. */
  async keep(state: ConversationState): Promise<void> {
    await this.save(state, null).catch((error: unknown) => this.#report(String(error)));
  }
}
