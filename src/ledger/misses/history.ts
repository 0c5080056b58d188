import { lengthOf, type CachedPart, type PromptOutline, type SeenRequest } from './seen-prompt.ts';

/** Limits of what is remembered. */
export interface HistoryLimits {
  /** Whose requests; those without one for the longest time go first. @default 1,000 */
  readonly scopesMax?: number;
  /** Of one scope, the newest of each conversation; now and then a quarter more. @default 256 */
  readonly requestsMax?: number;
  /** Parts of all prompts together, about 100 bytes each. @default 200,000 */
  readonly partsMax?: number;
}

const SCOPES_MAX = 1000;
const REQUESTS_MAX = 256;
/** Of those so many are compared with what goes on from none of them, the newest. */
const COMPARED_MAX = 16;
const PARTS_MAX = 200_000;
/** So many times as many as are meant to be held are, before the oldest go. */
const SLACK = 1.25;

/** Requests that are looked at although nothing of their end comes again: one of their parts may have been edited. */
const OTHERS_MAX = 2;

/** Does the last part that was cached come again, or the last of the system prompt? Then what stands before it was changed. */
function endsAlike({ prompt, cached }: SeenRequest, ids: ReadonlySet<number>, from: number): boolean {
  const { contentIds, messagesStart } = prompt;
  const last = contentIds[(cached?.parts ?? 0) - 1] ?? -1;
  return ids.has(last) || (messagesStart > from + 1 && ids.has(contentIds[messagesStart - 1] ?? -1));
}

/** A request that was noted, until its answer is over. */
export interface NotedRequest {
  /** Its response has begun: what it had in the cache is known, and it takes the place of what it goes on from. */
  begin(cached: CachedPart | null): void;
  /** It failed: it never was. */
  cancel(): void;
  answered(messageId: string | null): void;
}

/** Takes requests out of a history, and puts back what a failed one would have taken the place of. */
interface Holder {
  drop(held: Held): void;
  restore(held: Held): void;
}

/** A request in a history. */
class Held implements NotedRequest {
  readonly tailId: string;
  readonly length: number;
  /** Of its prompt, and of what was cached of it: every later request asks for these. */
  readonly contentIds: readonly number[];
  cachedParts = 0;
  request: SeenRequest;
  readonly #holder: Holder;
  /** What it goes on from, until its response begins: a request that fails takes nothing's place. */
  #replaces: Held | null;

  constructor(request: SeenRequest, replaces: Held | null, holder: Holder) {
    const { prompt, cached } = request;
    this.tailId = prompt.prefixIds.at(-1) ?? '';
    this.length = lengthOf(prompt);
    this.contentIds = prompt.contentIds;
    this.cachedParts = cached?.parts ?? 0;
    this.request = request;
    this.#replaces = replaces;
    this.#holder = holder;
  }

  begin(cached: CachedPart | null): void {
    this.request = { ...this.request, cached };
    this.cachedParts = cached?.parts ?? 0;
    if (this.#replaces) this.#holder.drop(this.#replaces);
    this.#replaces = null;
  }

  cancel(): void {
    this.#holder.drop(this);
    if (this.#replaces) this.#holder.restore(this.#replaces);
    this.#replaces = null;
  }

  answered(messageId: string | null): void {
    if (messageId !== this.request.messageId) this.request = { ...this.request, messageId };
  }
}

/** The newest request of each conversation, by scope. Bounded in all it holds, which is hashes and numbers. */
export class RequestHistory {
  readonly #scopes = new Map<string, Held[]>();
  readonly #limits: Required<HistoryLimits>;
  /** By their last prefix, of which there is one in all scopes: scope and model are part of it. */
  readonly #tails = new Map<string, Held>();
  readonly #holder: Holder;
  #latest: Held[] | null = null;
  #latestScope: string | null = null;
  #asked: readonly string[] | null = null;
  #answer: Held | null = null;
  #parts = 0;

  constructor(limits: HistoryLimits = {}) {
    this.#limits = { scopesMax: SCOPES_MAX, requestsMax: REQUESTS_MAX, partsMax: PARTS_MAX, ...limits };
    this.#holder = {
      drop: (held) => {
        this.#drop(held);
      },
      restore: (held) => {
        // One that ends in the same way is found by that again.
        if (this.#scopes.get(held.request.scope)?.includes(held)) this.#tails.set(held.tailId, held);
      },
    };
  }

  /** Parts of all prompts held. */
  get parts(): number {
    return this.#parts;
  }

  /** The longest prompt of a scope that one with these prefixes goes on from, or repeats; of equal ones the newest. */
  extendedBy(scope: string, prefixIds: readonly string[]): SeenRequest | null {
    return this.#extendedBy(scope, prefixIds)?.request ?? null;
  }

  #extendedBy(scope: string, prefixIds: readonly string[]): Held | null {
    // Asked for a request, and again when it is noted.
    if (this.#asked === prefixIds) return this.#answer;
    this.#asked = prefixIds;
    this.#answer = null;
    for (let part = prefixIds.length - 1; part >= 0 && !this.#answer; part -= 1) {
      const held = this.#tails.get(prefixIds[part] ?? '');
      if (held?.request.scope === scope) this.#answer = held;
    }
    return this.#answer;
  }

  /** The newest request of a scope. */
  newestOf(scope: string): SeenRequest | null {
    return this.#of(scope)?.at(-1)?.request ?? null;
  }

  /**
   * Requests of a scope that may explain why no more than `readParts` of a prompt can be read, newest first: those that had
   * more of it, and where `isChanged`, those that it may be a changed form of.
   */
  candidates(
    scope: string,
    prompt: PromptOutline,
    readParts: number,
    isChanged: boolean,
  ): readonly SeenRequest[] {
    const found: SeenRequest[] = [];
    const held = this.#of(scope) ?? [];
    const wanted = prompt.contentIds[readParts];
    // Read to its end, and nothing is asked that is longer.
    if (wanted === undefined && !isChanged) return found;
    let own: ReadonlySet<number> | null = null;
    let others = 0;
    for (let at = held.length - 1; at >= Math.max(0, held.length - COMPARED_MAX); at -= 1) {
      const { contentIds, cachedParts, request } = held[at] as Held;
      if (wanted !== undefined && contentIds[readParts] === wanted) found.push(request);
      else if (isChanged && cachedParts > readParts) {
        own ??= new Set(prompt.contentIds.slice(readParts));
        if (endsAlike(request, own, readParts)) found.push(request);
        else if ((others += 1) <= OTHERS_MAX) found.push(request);
      }
    }
    return found;
  }

  /** Notes a request that is being sent. */
  note(request: SeenRequest): NotedRequest {
    const { scope, prompt } = request;
    const held = new Held(request, this.#extendedBy(scope, prompt.prefixIds), this.#holder);
    this.#push(held, scope);
    return held;
  }

  /** Requests of a scope, oldest first. */
  #of(scope: string): Held[] | undefined {
    return scope === this.#latestScope ? (this.#latest ?? undefined) : this.#scopes.get(scope);
  }

  #push(held: Held, scope: string): void {
    const list = this.#of(scope) ?? [];
    if (this.#latest !== list) {
      // Last in the map is the scope that was used last.
      this.#scopes.delete(scope);
      this.#scopes.set(scope, list);
      this.#latest = list;
      this.#latestScope = scope;
    }
    list.push(held);
    this.#asked = null;
    this.#tails.set(held.tailId, held);
    this.#parts += held.length;
    const { requestsMax } = this.#limits;
    // Many at once: one by one it would be the dearest step of noting a request.
    if (list.length > requestsMax * SLACK) {
      for (const old of list.splice(0, list.length - requestsMax)) this.#forget(old);
    }
    while (this.#scopes.size > this.#limits.scopesMax || this.#parts > this.#limits.partsMax) {
      const first = this.#scopes.values().next().value?.[0];
      if (!first) return;
      this.#drop(first);
      if (first === held) return;
    }
  }

  #drop(held: Held): void {
    const { scope } = held.request;
    const list = this.#of(scope);
    const at = list?.lastIndexOf(held) ?? -1;
    if (!list || at < 0) return;
    list.splice(at, 1);
    this.#forget(held);
    if (list.length > 0) return;
    this.#scopes.delete(scope);
    if (this.#latest !== list) return;
    this.#latest = null;
    this.#latestScope = null;
  }

  #forget(held: Held): void {
    this.#asked = null;
    if (this.#tails.get(held.tailId) === held) this.#tails.delete(held.tailId);
    this.#parts -= held.length;
  }
}
