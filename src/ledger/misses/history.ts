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

interface Held {
  readonly scope: string;
  readonly tailId: string;
  readonly length: number;
  request: SeenRequest;
  /** What it goes on from, until its response begins: a request that fails takes nothing's place. */
  replaces: Held | null;
}

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

/** The newest request of each conversation, by scope. Bounded in all it holds, which is hashes and numbers. */
export class RequestHistory {
  readonly #scopes = new Map<string, Held[]>();
  readonly #limits: Required<HistoryLimits>;
  /** By their last prefix, of which there is one in all scopes: scope and model are part of it. */
  readonly #tails = new Map<string, Held>();
  #latest: Held[] | null = null;
  #asked: readonly string[] | null = null;
  #answer: Held | null = null;
  #parts = 0;

  constructor(limits: HistoryLimits = {}) {
    this.#limits = { scopesMax: SCOPES_MAX, requestsMax: REQUESTS_MAX, partsMax: PARTS_MAX, ...limits };
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
      if (held?.scope === scope) this.#answer = held;
    }
    return this.#answer;
  }

  /** The newest request of a scope. */
  newestOf(scope: string): SeenRequest | null {
    return this.#scopes.get(scope)?.at(-1)?.request ?? null;
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
    const held = this.#scopes.get(scope) ?? [];
    let own: ReadonlySet<number> | null = null;
    let others = 0;
    for (let at = held.length - 1; at >= Math.max(0, held.length - COMPARED_MAX); at -= 1) {
      const request = held[at]?.request;
      if (!request) continue;
      const id = request.prompt.contentIds[readParts];
      if (id !== undefined && id === prompt.contentIds[readParts]) found.push(request);
      else if (isChanged && (request.cached?.parts ?? 0) > readParts) {
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
    const tailId = prompt.prefixIds.at(-1) ?? '';
    const replaces = this.#extendedBy(scope, prompt.prefixIds);
    const held: Held = { scope, tailId, length: lengthOf(prompt), request, replaces };
    this.#push(held);
    return {
      begin: (cached) => {
        held.request = { ...held.request, cached };
        if (held.replaces) this.#drop(held.replaces);
        held.replaces = null;
      },
      cancel: () => {
        this.#drop(held);
        const { replaces } = held;
        // One that ends in the same way is found by that again.
        if (replaces && this.#scopes.get(scope)?.includes(replaces))
          this.#tails.set(replaces.tailId, replaces);
        held.replaces = null;
      },
      answered: (messageId) => {
        held.request = { ...held.request, messageId };
      },
    };
  }

  #push(held: Held): void {
    const list = this.#scopes.get(held.scope) ?? [];
    if (this.#latest !== list) {
      // Last in the map is the scope that was used last.
      this.#scopes.delete(held.scope);
      this.#scopes.set(held.scope, list);
      this.#latest = list;
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
    const list = this.#scopes.get(held.scope);
    const at = list?.lastIndexOf(held) ?? -1;
    if (!list || at < 0) return;
    list.splice(at, 1);
    this.#forget(held);
    if (list.length > 0) return;
    this.#scopes.delete(held.scope);
    if (this.#latest === list) this.#latest = null;
  }

  #forget(held: Held): void {
    this.#asked = null;
    if (this.#tails.get(held.tailId) === held) this.#tails.delete(held.tailId);
    this.#parts -= held.length;
  }
}
