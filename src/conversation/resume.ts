import { toUsd } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { systemClock } from '../runtime/index.ts';
import type { Checkpointer } from './checkpointer.ts';
import { KeptConversation } from './conversation.ts';
import type {
  ChangePrice,
  Conversation,
  ConversationAnswer,
  ConversationBehaviour,
  ConversationPrompt,
} from './options.ts';
import { PrefixBook, type PlannedRequest } from './prefix-book.ts';
import { inputCost } from './price-change.ts';
import { factsOf, readSettings, toBody, type Settings } from './settings.ts';
import { Sizes } from './sizes.ts';
import type { ConversationState } from './state.ts';

/** What may differ from what was saved, and decides about the cache. */
export type ChangedPart = 'model' | 'tools' | 'system' | 'parameters';

/** How a conversation was found. */
export interface ResumeReport {
  /** `warm`: its cache is alive. `cold`: it has to be written again. `changed`: what stands before it is another. */
  readonly status: 'warm' | 'cold' | 'changed';
  /** Tokens that can be read now, and for how long. */
  readonly warmTokens: number;
  readonly secondsLeft: number;
  readonly changes: readonly ChangedPart[];
  /** What the changes cost with the next request; null where there are none. */
  readonly changePrice: ChangePrice | null;
  /** What sending the history again costs now, and what it would cost if all of it was warm. */
  readonly historyUsd: number;
  readonly warmHistoryUsd: number;
  readonly savedMs: number;
}

export interface Resumed<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly conversation: Conversation<Body, Answer>;
  readonly report: ResumeReport;
}

/** As of a new conversation; of what stands before the messages only what is to be another. */
export type ResumeOptions<
  Body extends RequestParts = RequestParts,
  Answer extends ConversationAnswer = ConversationAnswer,
> = Partial<ConversationPrompt<Body>> &
  ConversationBehaviour<Body, Answer> & { readonly id: string; readonly checkpointer: Checkpointer };

const PARTS = ['model', 'tools', 'system', 'parameters'] as const satisfies readonly (keyof Settings)[];

function changedParts(before: Settings, after: Settings): readonly ChangedPart[] {
  return PARTS.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]));
}

/** Sends what was sent last once more, in thought. */
function replan(
  state: ConversationState,
  settings: Settings,
  book: PrefixBook,
  nowMs: number,
): PlannedRequest {
  const sizes = new Sizes(factsOf(settings));
  const body = toBody(settings, state.messages.slice(0, state.sentMessages));
  return book.plan(body, sizes, state.ratio, nowMs, 'tail');
}

/** The same when all of it had been written just now. */
function warmCost(
  planned: PlannedRequest,
  state: ConversationState,
  settings: Settings,
  ttl: '5m' | '1h',
  nowMs: number,
): number {
  const book = new PrefixBook(ttl);
  book.settle(planned, null, nowMs, nowMs);
  return toUsd(inputCost(replan(state, settings, book, nowMs), nowMs));
}

/**
 * Goes on with a saved conversation, byte for byte, in any process; null where there is none. Tools, system text, model and
 * parameters are as saved unless they are given.
 *
 * @example
 * const resumed = await resumeConversation({ id: 'ticket-4711', checkpointer: saved, send });
 * if (resumed?.report.status === 'cold') await resumed.conversation.warm();
 * @throws CheckpointError for one that cannot be opened; RangeError.
 */
export async function resumeConversation<
  Body extends RequestParts = RequestParts,
  Answer extends ConversationAnswer = ConversationAnswer,
>(options: ResumeOptions<Body, Answer>): Promise<Resumed<Body, Answer> | null> {
  const { id, checkpointer, clock = systemClock, ttl = '5m' } = options;
  const opened = await checkpointer.open(id);
  if (!opened) return null;
  const { state, revision, savedMs } = opened;
  const given = Object.fromEntries(
    [...PARTS, 'maxTokens' as const].flatMap((part) =>
      options[part] === undefined ? [] : [[part, options[part]]],
    ),
  ) as Partial<ConversationPrompt<Body>>;
  const settings = readSettings({ ...state.settings, ...given });
  const changes = changedParts(state.settings, settings);
  const kept = new KeptConversation<Body, Answer>(options, state, revision);
  const changePrice = changes.length > 0 ? kept.priceOf(given) : null;
  kept.change(given);
  const nowMs = clock.nowMs();
  // A change may have taken thinking out of the history.
  const changed = kept.state;
  const planned = replan(changed, settings, new PrefixBook(ttl, state.entries), nowMs);
  const { warm } = planned;
  const unchanged = warm ? 'warm' : 'cold';
  const report: ResumeReport = {
    status: changes.length > 0 ? 'changed' : unchanged,
    warmTokens: warm?.tokens ?? 0,
    secondsLeft: warm ? Math.max(0, (warm.expiresMs - nowMs) / 1000) : 0,
    changes,
    changePrice,
    historyUsd: toUsd(inputCost(planned, nowMs)),
    warmHistoryUsd: warmCost(planned, changed, settings, ttl, nowMs),
    savedMs,
  };
  return { conversation: kept, report };
}
