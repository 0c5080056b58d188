import type { Block } from '../../core/index.ts';
import { commonEnd, commonStart } from './common-text.ts';
import { tokensOf, tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** A request that later ones are compared with. */
export interface KnownPrompt {
  readonly request: WatchedRequest;
  readonly headLength: number;
  readonly headId: string;
  /** The application that it is of. */
  readonly application: number;
}

/** Prompts held for one scope and model. */
const PROMPTS_MAX = 24;
/** Newest messages of fewer tokens are said in many conversations. */
const TELLING_TOKENS = 64;
/** Heads alike by less than this are of different applications, */
const ALIKE_MIN = 0.5;
/** and by more than this hardly of different ones. */
const ALIKE_ENOUGH = 0.9;
/** What holding a block takes besides its text, as so many tokens. */
const BLOCK_TOKENS = 64;

/** A prompt, with what is asked of it again and again. */
interface Held {
  readonly prompt: KnownPrompt;
  readonly length: number;
  readonly messages: number;
  readonly tailId: string;
  readonly tail: Block | undefined;
  /** Would another conversation hardly end the same way? */
  readonly isTelling: boolean;
  readonly weight: number;
}

function hold(prompt: KnownPrompt): Held {
  const { request, headLength } = prompt;
  const { length } = request.blocks;
  const messages = length - headLength;
  return {
    prompt,
    length,
    messages,
    tailId: request.prefixIds[length - 1] ?? '',
    tail: request.blocks[length - 1],
    isTelling: messages > 2 || tokensOf(request, length - 1) >= TELLING_TOKENS,
    weight: tokensUpTo(request, length - 1) + length * BLOCK_TOKENS,
  };
}

function isTwin(
  { messages, tail, isTelling }: Held,
  { blocks }: WatchedRequest,
  headLength: number,
): boolean {
  const same = blocks[headLength + messages - 1];
  return isTelling && messages > 0 && tail?.content === same?.content && tail?.label === same?.label;
}

function sharedChars(a: string, b: string): number {
  if (a === b) return a.length;
  const most = Math.min(a.length, b.length);
  const start = commonStart(a, b);
  return start + commonEnd(a, b, most - start);
}

/** How much of what stands before the messages, or of the first block, is the same, 0 to 1, whatever its order. */
function alikeness(known: KnownPrompt, request: WatchedRequest, headLength: number): number {
  if ((known.headLength === 0) !== (headLength === 0)) return 0;
  const length = Math.max(1, headLength);
  const opening = known.request.blocks.slice(0, Math.max(1, known.headLength));
  const contents = new Set(opening.map((block) => block.content));
  let shared = 0;
  let all = 0;
  for (let index = 0; index < length; index += 1) {
    const { content, level } = request.blocks[index] ?? { content: '', level: null };
    const other = known.request.blocks[index];
    all += content.length;
    if (contents.has(content)) shared += content.length;
    else if (other?.level === level) shared += sharedChars(other.content, content);
  }
  return all === 0 ? 0 : shared / all;
}

/** The newest prompts of one scope and model. */
export class KnownPrompts {
  readonly #held: Held[] = [];
  #weight = 0;

  /** Tokens of all that is held, with some for every block. */
  get weight(): number {
    return this.#weight;
  }

  /** The longest that the request goes on from. */
  extendedBy({ prefixIds }: WatchedRequest): KnownPrompt | null {
    let longest: Held | null = null;
    for (const held of this.#held) {
      const isLonger = held.length > (longest?.length ?? 0);
      if (isLonger && prefixIds[held.length - 1] === held.tailId) longest = held;
    }
    return longest?.prompt ?? null;
  }

  /** The newest that ends with this prefix. */
  endingWith(tailId: string): KnownPrompt | null {
    return this.#held.findLast((held) => held.tailId === tailId)?.prompt ?? null;
  }

  /** Was it the last that was kept? */
  isNewest(prompt: KnownPrompt): boolean {
    return this.#held.at(-1)?.prompt === prompt;
  }

  /** The newest of the same conversation that is further on than what the request goes on from, but has another prefix. */
  twinOf(request: WatchedRequest, headLength: number, extended: KnownPrompt | null): KnownPrompt | null {
    const messages = extended ? extended.request.blocks.length - extended.headLength : 0;
    const twin = this.#held.findLast(
      (held) => held.prompt !== extended && held.messages > messages && isTwin(held, request, headLength),
    );
    return twin?.prompt ?? null;
  }

  /** The newest with the same tools and system prompt; null for a request that has neither. */
  sameHead(headId: string): KnownPrompt | null {
    const found = this.#held.findLast(({ prompt }) => prompt.headLength > 0 && prompt.headId === headId);
    return found?.prompt ?? null;
  }

  /** The one whose tools and system prompt are most alike, where they are of one application at all. */
  mostAlike(request: WatchedRequest, headLength: number): KnownPrompt | null {
    let best: KnownPrompt | null = null;
    let most = ALIKE_MIN;
    for (const { prompt } of this.#held.toReversed()) {
      const share = alikeness(prompt, request, headLength);
      if (share > most) [best, most] = [prompt, share];
      if (share > ALIKE_ENOUGH) break;
    }
    return best;
  }

  /** Keeps a prompt, in place of the one that it goes on from. */
  keep(prompt: KnownPrompt, replaced: KnownPrompt | null): void {
    const held = hold(prompt);
    if (replaced) this.#drop(this.#held.findIndex((known) => known.prompt === replaced));
    this.#held.push(held);
    this.#weight += held.weight;
    if (this.#held.length > PROMPTS_MAX) this.#drop(0);
  }

  /** Forgets the oldest; false where there is none. */
  forgetOldest(): boolean {
    return this.#drop(0);
  }

  #drop(index: number): boolean {
    const [dropped] = index < 0 ? [] : this.#held.splice(index, 1);
    this.#weight -= dropped?.weight ?? 0;
    return dropped !== undefined;
  }
}
