import {
  cacheStep,
  defaultCacheRules,
  emptyCacheState,
  findDivergence,
  noTokens,
  sweepExpired,
  toCacheRequest,
  type CacheState,
  type Divergence,
} from '../core/index.ts';
import type { LoggedCall, LoggedPrompt, MissEvidence } from '../logs/index.ts';
import { readUsage } from '../wire/index.ts';

/** A request that a later one may extend. */
interface Earlier {
  readonly key: string;
  /** What the client says of whose request it is. */
  readonly client: string;
  /** The conversation that it was found to be of. */
  readonly conversation: string;
  readonly prompt: LoggedPrompt;
}

/** The captures of one cache. */
interface Capture {
  state: CacheState;
  recent: readonly Earlier[];
}

/** Earlier requests that a request is compared with. */
const RECENT_MAX = 64;
/** Caches that are remembered. */
const CAPTURES_MAX = 4;

function sharedBlocks(a: LoggedPrompt, b: LoggedPrompt): number {
  const own = b.chain.prefixIds;
  const different = a.chain.prefixIds.findIndex((id, index) => id !== own[index]);
  return different < 0 ? a.chain.prefixIds.length : different;
}

/** The content that a conversation opens with: two with the same one are one conversation, whatever its tools say. */
function openingOf({ prompt }: LoggedPrompt): string | undefined {
  return prompt.blocks.find((block) => block.level === 'messages')?.content;
}

const EVIDENCE: Readonly<Record<Divergence['reason'], MissEvidence>> = {
  model_changed: 'changed_model',
  tools_changed: 'changed_tools',
  system_changed: 'changed_system',
  messages_changed: 'changed_messages',
  parameters_changed: 'changed_messages',
};

/** What a captured request follows: of those of its client that open alike, the one with which it shares most. */
function findEarlier(recent: readonly Earlier[], client: string, prompt: LoggedPrompt): Earlier | null {
  const opening = openingOf(prompt);
  let best: Earlier | null = null;
  let most = -1;
  for (const earlier of recent) {
    if (earlier.client !== client || openingOf(earlier.prompt) !== opening) continue;
    const shared = sharedBlocks(earlier.prompt, prompt);
    if (shared >= most) {
      best = earlier;
      most = shared;
    }
  }
  return best;
}

/**
 * Says for requests that were captured without a bill what they would have been billed, with the client's own markers
 * and estimated tokens; and, since the whole prompt is there, which request it follows and at which level it changed.
 */
export class BillSimulator {
  readonly #captures = new Map<string, Capture>();

  /** The call with usage, where it had none, history and evidence. */
  fill(call: LoggedCall, prompt: LoggedPrompt): LoggedCall {
    const capture = this.#captureOf(prompt.cache);
    const request = toCacheRequest(prompt.prompt, prompt.chain, prompt.prompt.breakpoints);
    const times = { startMs: call.atMs, readyMs: call.readyMs };
    const [outcome, state] = cacheStep(capture.state, request, times);
    capture.state = sweepExpired(state, call.atMs, defaultCacheRules);
    const earlier = findEarlier(capture.recent, call.conversation, prompt);
    const divergence = earlier
      ? findDivergence(earlier.prompt.prompt, earlier.prompt.chain, prompt.prompt, prompt.chain)
      : null;
    const conversation = earlier?.conversation ?? call.key;
    capture.recent = [
      ...capture.recent,
      { key: call.key, client: call.conversation, conversation, prompt },
    ].slice(-RECENT_MAX);
    const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
    const empty = readUsage({});
    const counts = { ...noTokens, readTokens, write5mTokens, write1hTokens, uncachedTokens };
    return {
      ...call,
      usage: call.usage ?? (empty ? { ...empty, ...counts } : null),
      conversation,
      history: earlier ? 'extends' : 'start',
      extendsKey: earlier?.key ?? null,
      evidence: divergence ? EVIDENCE[divergence.reason] : call.evidence,
    };
  }

  #captureOf(name: string): Capture {
    const known = this.#captures.get(name);
    if (known) return known;
    const capture: Capture = { state: emptyCacheState, recent: [] };
    this.#captures.set(name, capture);
    if (this.#captures.size > CAPTURES_MAX) this.#captures.delete(this.#captures.keys().next().value ?? '');
    return capture;
  }
}
