import type { UsageFormCall } from '../logs/index.ts';

/** Where in a conversation a shared prefix was read: by its first call, or by one that had lost its history. */
export type SharedUse = 'start' | 'restart';

/** A prefix that conversations share: tools and system, known only by its size. */
export interface SharedPrefix {
  readonly prefixId: string;
  readonly tokens: number;
}

interface Sighting extends SharedPrefix {
  readonly folder: string | null;
  readonly use: SharedUse;
  readonly order: number;
  readonly times: number;
}

/** Conversations that may share a prefix: of one user, model, client version, and all main or all sub-agents. */
export function sharingKey(call: UsageFormCall): string {
  const kind = call.agent === null ? 'main' : 'agent';
  return [call.user ?? '', call.model, call.clientVersion ?? '', kind].join('/');
}

/**
 * The sizes of shared prefixes seen so far. Nothing in a log names them: a first call that reads 31,260 tokens, or one
 * that reads as much after losing its history, shows that a prefix of that size is shared.
 */
export class SharedPrefixes {
  readonly #sightings = new Map<string, Map<string, Sighting>>();
  #order = 0;

  /** Remembers that `call` read a shared prefix; answers it. */
  learn(call: UsageFormCall, tokens: number, use: SharedUse): SharedPrefix {
    const key = sharingKey(call);
    const prefixId = `${key}#${tokens}`;
    const known = this.#sightings.get(key) ?? new Map<string, Sighting>();
    this.#sightings.set(key, known);
    this.#order += 1;
    const id = [tokens, call.folder, use].join('#');
    const times = (known.get(id)?.times ?? 0) + 1;
    known.set(id, { prefixId, tokens, folder: call.folder, use, order: this.#order, times });
    return { prefixId, tokens };
  }

  /** Prefixes seen in that use, starts by how often and restarts (they differ by session) by how late, best first; those of the call's folder, else those of any. */
  seen(call: UsageFormCall, use: SharedUse): readonly SharedPrefix[] {
    const known = [...(this.#sightings.get(sharingKey(call))?.values() ?? [])];
    const used = known
      .filter((sighting) => sighting.use === use)
      .toSorted(use === 'start' ? byTimes : byOrder);
    const here = used.filter((sighting) => sighting.folder === call.folder);
    return here.length > 0 ? here : used;
  }

  /** The size last seen after a lost history by anyone at all, for want of better; null before any. */
  latestRestartTokens(call: UsageFormCall): number | null {
    const agentPart = call.agent === null ? '/main' : '/agent';
    const all = [...this.#sightings].filter(([key]) => key.endsWith(agentPart));
    const used = all.flatMap(([, known]) => [...known.values()]).filter(({ use }) => use === 'restart');
    const own = used.filter(({ prefixId }) => prefixId.startsWith(`${call.user ?? ''}/`));
    return (own.length > 0 ? own : used).toSorted((a, b) => b.order - a.order)[0]?.tokens ?? null;
  }
}

function byOrder(a: Sighting, b: Sighting): number {
  return b.order - a.order;
}

function byTimes(a: Sighting, b: Sighting): number {
  return b.times - a.times || byOrder(a, b);
}
