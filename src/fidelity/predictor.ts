import {
  cacheStep,
  emptyCacheState,
  sweepExpired,
  type CacheRequest,
  type CacheRules,
  type CacheState,
  type Ttl,
} from '../core/index.ts';
import type { UsageFormCall } from '../logs/index.ts';
import { conversationKey, dropsHistory, endTokens, longLivedTokens, sentMs, writtenTtl } from './calls.ts';
import { emptyTrack, NODES_KEPT, type Conversation, type Node, type Track } from './conversation.ts';
import { followsAnswer, Habits } from './habits.ts';
import { rulesOf, type FidelityParameters } from './parameters.ts';
import { SharedPrefixes, sharingKey, type SharedPrefix, type SharedUse } from './shared-prefixes.ts';

/** Calls between two sweeps of what has expired. */
const SWEEP_EVERY = 1000;

/** So many first calls in a row read the same although no log shows what kept it alive: others keep it. */
const COLD_STARTS_TRUSTED = 2;

/** What the model expects of a call. */
export interface Prediction {
  readonly readTokens: number;
  /** Why no more, or why that much: what the table of misses groups by. */
  readonly expected: 'start' | 'history' | 'history-and-answer' | 'expired' | 'lost-history' | 'model-change';
}

interface Situation {
  readonly conversation: Conversation | null;
  readonly track: Track;
  readonly use: SharedUse;
  readonly isLost: boolean;
}

/**
 * Predicts what calls read, one after another: `predict` a call, then `observe` it. Each conversation is a chain of
 * prefixes whose entries live by `cacheStep`; the sizes come from the usage of earlier lines, never from the call's own.
 */
export class Predictor {
  readonly #rules: CacheRules;
  readonly #habits: Habits;
  readonly #shared = new SharedPrefixes();
  readonly #conversations = new Map<string, Conversation>();
  #state: CacheState = emptyCacheState;
  readonly #coldStarts = new Map<string, { readonly readTokens: number; readonly times: number }>();
  #observed = 0;

  constructor(parameters: FidelityParameters) {
    this.#rules = rulesOf(parameters);
    this.#habits = new Habits(parameters);
  }

  predict(call: UsageFormCall): Prediction {
    const situation = this.#situate(call);
    const { conversation, track, use, isLost } = situation;
    if (use === 'start') return { readTokens: this.#predictStart(call), expected: 'start' };
    const shared = this.#sharedFor(call, situation);
    const extension = this.#extensionOf(call, situation);
    const nodes = isLost ? [] : extension ? [...track.nodes, extension] : track.nodes;
    const state =
      extension && conversation ? this.#assume(extension, conversation.last, track.ttl) : this.#state;
    const request = requestOf([...shared, ...nodes], track.ttl);
    const atMs = sentMs(call);
    const [outcome] = cacheStep(state, request, { startMs: atMs, readyMs: Infinity }, this.#rules);
    const isHistoryRead = nodes.some((node) => node.tokens === outcome.readTokens);
    if (isLost)
      return {
        readTokens: this.#guessRestart(call, outcome.readTokens, conversation),
        expected: 'lost-history',
      };
    if (track === emptyTrack) return { readTokens: outcome.readTokens, expected: 'model-change' };
    if (!isHistoryRead) return { readTokens: outcome.readTokens, expected: 'expired' };
    return { readTokens: outcome.readTokens, expected: extension ? 'history-and-answer' : 'history' };
  }

  observe(call: UsageFormCall): void {
    const { conversation, track, use } = this.#situate(call);
    this.#learnHabits(call, conversation, track);
    if (use === 'start') this.#learnStart(call);
    const isKept = conversation !== null && !dropsHistory(call);
    const kept = isKept ? track.nodes.filter((node) => node.tokens <= endTokens(call)) : [];
    const read = this.#nodeRead(call, kept, isKept ? track.firstEndTokens : Infinity, use);
    const written = this.#nodesWritten(call, read.nodes.at(-1)?.tokens ?? 0);
    const ttl = writtenTtl(call) ?? track.ttl;
    const own = read.shared
      ? [...track.shared.filter(({ tokens }) => tokens !== read.shared?.tokens), read.shared]
      : track.shared;
    const firstEndTokens = isKept && call.usage.readTokens > 0 ? track.firstEndTokens : endTokens(call);
    const nodes = [...read.nodes, ...written];
    const next: Track = { nodes: nodes.slice(-NODES_KEPT), shared: unique(own), ttl, firstEndTokens };
    this.#remember(call, conversation, next);
    this.#apply(call, next, read.hit);
  }

  /** Where the call wrote to, beyond what is known: for 1h, and on top of that for 5m. */
  #nodesWritten(call: UsageFormCall, knownTokens: number): readonly Node[] {
    const prefixId = `${conversationKey(call)}/${call.index}/${this.#observed}`;
    const longLived = longLivedTokens(call);
    const nodes: readonly Node[] = [
      ...(longLived === null ? [] : [{ prefixId: `${prefixId}/1h`, tokens: longLived, ttl: '1h' as const }]),
      { prefixId, tokens: endTokens(call) },
    ];
    return nodes.filter(({ tokens }) => tokens > knownTokens);
  }

  #situate(call: UsageFormCall): Situation {
    const conversation = this.#conversations.get(conversationKey(call)) ?? null;
    const track = conversation?.tracks.get(call.model) ?? emptyTrack;
    const isLost = conversation !== null && (dropsHistory(call) || this.#habits.lossShare(call) > 0.5);
    return { conversation, track, use: conversation ? 'restart' : 'start', isLost };
  }

  /** Shared prefixes that the call may begin with, none longer than the history or than the last seen here. */
  #sharedFor(call: UsageFormCall, { track }: Situation): readonly SharedPrefix[] {
    const starts = call.agent === null ? this.#shared.seen(call, 'start') : [];
    const last = track.shared.at(-1);
    const guessed = last ? [] : this.#shared.seen(call, 'restart').slice(0, 1);
    const longest = Math.min(track.firstEndTokens, last?.tokens ?? Infinity);
    const all = unique([...track.shared, ...guessed, ...starts]);
    return ascending(all.filter(({ tokens }) => tokens <= longest));
  }

  /** What a first call reads: the usual prefix of its kind that lives; else what the last did that found none alive. */
  #predictStart(call: UsageFormCall): number {
    const atMs = sentMs(call);
    for (const prefix of this.#shared.seen(call, 'start')) {
      if (this.#isAlive(prefix, atMs)) return prefix.tokens;
    }
    const cold = this.#coldStarts.get(sharingKey(call));
    return cold && cold.times >= COLD_STARTS_TRUSTED ? cold.readTokens : 0;
  }

  #isAlive(prefix: Node, atMs: number): boolean {
    const request = requestOf([prefix], '5m');
    return cacheStep(this.#state, request, { startMs: atMs, readyMs: Infinity }, this.#rules)[0].hit !== null;
  }

  #extensionOf(call: UsageFormCall, { conversation, track, isLost }: Situation): Node | null {
    const last = conversation?.last;
    const end = track.nodes.at(-1);
    if (!last || !end || isLost || last.model !== call.model || !followsAnswer(last, call)) return null;
    const tokens = this.#habits.extensionTokens(last);
    return tokens > 0 ? { prefixId: `${end.prefixId}+`, tokens: end.tokens + tokens } : null;
  }

  /** The state with an entry that a background call is taken to have written right after the answer. */
  #assume(node: Node, last: UsageFormCall, ttl: Ttl): CacheState {
    const startMs = last.lastS * 1000;
    return putLive(this.#state, node, ttl, startMs, this.#rules);
  }

  /** Where no size fits, the latest seen anywhere: the client has just asked for a summary, so something lives. */
  #guessRestart(call: UsageFormCall, readTokens: number, conversation: Conversation | null): number {
    const isRecent =
      conversation !== null && sentMs(call) - conversation.last.lastS * 1000 < this.#rules.ttlMs['5m'];
    return readTokens > 0 || !isRecent ? readTokens : (this.#shared.latestRestartTokens(call) ?? 0);
  }

  #learnHabits(call: UsageFormCall, conversation: Conversation | null, track: Track): void {
    const end = track.nodes.at(-1);
    if (!conversation || !end || conversation.last.model !== call.model || dropsHistory(call)) return;
    const read = call.usage.readTokens;
    const lifeMs = this.#rules.ttlMs[track.ttl];
    if (sentMs(call) - conversation.last.firstS * 1000 > lifeMs) return;
    this.#habits.learnLoss(call, read * 2 < end.tokens);
    if (followsAnswer(conversation.last, call) && read >= end.tokens) {
      this.#habits.learnExtension(conversation.last, read - end.tokens);
    }
  }

  #learnStart(call: UsageFormCall): void {
    if (call.flags.length > 0) return;
    const isCold = this.#shared.seen(call, 'start').every((prefix) => !this.#isAlive(prefix, sentMs(call)));
    if (!isCold) return;
    const { readTokens } = call.usage;
    const before = this.#coldStarts.get(sharingKey(call));
    const times = before?.readTokens === readTokens ? before.times + 1 : 1;
    this.#coldStarts.set(sharingKey(call), { readTokens, times });
  }

  /** The prefix that the call read: one of the history, one discovered inside it, or a shared one. */
  #nodeRead(
    call: UsageFormCall,
    kept: readonly Node[],
    longestShared: number,
    use: SharedUse,
  ): { nodes: readonly Node[]; hit: Node | null; shared: SharedPrefix | null } {
    const tokens = call.usage.readTokens;
    if (tokens === 0) return { nodes: [], hit: null, shared: null };
    const known = kept.find((node) => node.tokens === tokens);
    if (known) return { nodes: kept, hit: known, shared: null };
    if (tokens < longestShared && !call.flags.includes('lost_parent')) {
      const shared = this.#shared.learn(call, tokens, use);
      return { nodes: kept, hit: shared, shared };
    }
    const found = { prefixId: `${conversationKey(call)}/${call.index}/${this.#observed}r`, tokens };
    return { nodes: [...kept, found].toSorted((a, b) => a.tokens - b.tokens), hit: found, shared: null };
  }

  #remember(call: UsageFormCall, conversation: Conversation | null, track: Track): void {
    const tracks = new Map(conversation?.tracks ?? []);
    tracks.set(call.model, track);
    this.#conversations.set(conversationKey(call), { last: call, tracks });
  }

  /** Moves the state on: what the call read is alive, what it wrote begins to live. */
  #apply(call: UsageFormCall, track: Track, hit: Node | null): void {
    const startMs = call.firstS * 1000;
    const shared = this.#sharedFor(call, { conversation: null, track, use: 'restart', isLost: false });
    const state = hit ? putLive(this.#state, hit, track.ttl, startMs, this.#rules) : this.#state;
    const request = requestOf([...shared, ...track.nodes], track.ttl);
    const [, next] = cacheStep(state, request, { startMs, readyMs: startMs }, this.#rules);
    this.#observed += 1;
    this.#state = this.#observed % SWEEP_EVERY === 0 ? sweepExpired(next, startMs, this.#rules) : next;
  }
}

function ascending(prefixes: readonly SharedPrefix[]): readonly SharedPrefix[] {
  return prefixes.toSorted((a, b) => a.tokens - b.tokens);
}

function unique(prefixes: readonly SharedPrefix[]): readonly SharedPrefix[] {
  return [...new Map(prefixes.map((prefix) => [prefix.prefixId, prefix])).values()];
}

/** An abstract request: every known prefix is a block and a breakpoint; the unknown new content is left out. */
function requestOf(nodes: readonly Node[], ttl: Ttl): CacheRequest {
  const path = [...new Map(nodes.map((node) => [node.prefixId, node])).values()].toSorted(
    (a, b) => a.tokens - b.tokens,
  );
  return {
    partition: '',
    prefixIds: path.map((node) => node.prefixId),
    cumulativeTokens: path.map((node) => node.tokens),
    positions: path.map((_, index) => index),
    breakpoints: path.map((node, blockIndex) => ({ blockIndex, ttl: node.ttl ?? ttl, origin: 'explicit' })),
    minCacheableTokens: 0,
  };
}

/** The state with one prefix readable from a time on: a call has shown, or is taken to have shown, that it is. */
function putLive(state: CacheState, node: Node, ttl: Ttl, atMs: number, rules: CacheRules): CacheState {
  return cacheStep(state, requestOf([node], ttl), { startMs: atMs, readyMs: atMs }, rules)[1];
}
