import type { Ttl } from '../core/index.ts';
import type { UsageFormCall } from '../logs/index.ts';
import type { SharedPrefix } from './shared-prefixes.ts';

/** A prefix of a conversation that some call read or wrote up to. */
export interface Node {
  readonly prefixId: string;
  readonly tokens: number;
  /** Where it is not the TTL that the conversation writes with. */
  readonly ttl?: Ttl;
}

/** One conversation under one model: its last known history as a chain of prefixes, shortest first. */
export interface Track {
  readonly nodes: readonly Node[];
  /** Shared prefixes that this conversation itself has read. */
  readonly shared: readonly SharedPrefix[];
  readonly ttl: Ttl;
  /** End of the history's first call: no shared prefix is longer. Infinity before any. */
  readonly firstEndTokens: number;
}

/** A conversation before the call that is to be predicted. */
export interface Conversation {
  readonly last: UsageFormCall;
  /** By model: caches are per model (spec 8), and clients change it back and forth. */
  readonly tracks: ReadonlyMap<string, Track>;
}

/** The track of a model that the conversation has not used yet. */
export const emptyTrack: Track = { nodes: [], shared: [], ttl: '5m', firstEndTokens: Infinity };

/** As many nodes as a breakpoint looks back over (spec 2.2); older ones cannot be hit any more. */
export const NODES_KEPT = 20;
