import { Refused, type JsonObject } from './reference-json.ts';
import { prefixKeys } from './reference-keys.ts';
import { checkMarkerSet, readMarker, type Ttl } from './reference-markers.ts';
import { factsOf } from './reference-models.ts';
import { renderPrompt, type RenderedBlock } from './reference-render.ts';
import { checkShape } from './reference-shape.ts';

/** Lifetimes in milliseconds (spec 4.1). */
const TTL_MS: Readonly<Record<Ttl, number>> = { '5m': 300_000, '1h': 3_600_000 };
const LOOKBACK_POSITIONS = 20;

/** The input side of `usage` as the emulator sends it: numbers, never null (design 4.3). */
export interface Usage {
  input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
}

/** Something written at a breakpoint. Times in milliseconds; alive means ready <= now < expiry (design 4.3). */
export interface Entry {
  model: string;
  workspace: string;
  tokens: number;
  ttl: Ttl;
  readyMs: number;
  expiresMs: number;
}

/** Why a look-up passed over entries that exist or existed; for statistics only. */
export interface MissNotes {
  wasInFlight: boolean;
  wasExpired: boolean;
}

/** Outcome of a request. */
export type Answer =
  | { accepted: false; status: 400; reason: string }
  | { accepted: true; usage: Usage; notes: MissNotes };

/** Outcome of counting tokens. */
export type CountAnswer =
  | { accepted: false; status: 400; reason: string }
  | { accepted: true; inputTokens: number };

/** One request as the server sees it; `beginAfterMs` is how long after arrival the response begins. */
export interface Arrival {
  body: unknown;
  workspace: string;
  beginAfterMs: number;
}

interface StoredEntry extends Entry {
  key: string;
}

interface Breakpoint {
  index: number;
  ttl: Ttl;
}

/** A request made ready for looking up. */
interface Prompt {
  blocks: RenderedBlock[];
  /** Tokens of the prefix ending at each block. */
  cumulative: number[];
  total: number;
  breakpoints: Breakpoint[];
}

function cumulate(blocks: readonly RenderedBlock[]): number[] {
  let sum = 0;
  return blocks.map((block) => (sum += block.tokens));
}

/** Validates the markers and places the automatic one on the last block that can carry it, if any (spec 1.6, 2.4). */
function preparePrompt(body: JsonObject): Prompt {
  const blocks = renderPrompt(body);
  const automatic = readMarker(body['cache_control']);
  const target = blocks.findLastIndex((block) => block.canBeTarget);
  const breakpoints = blocks.flatMap(({ marker }, index) =>
    marker === null ? [] : [{ index, ttl: marker }],
  );
  const onTarget = blocks[target]?.marker ?? null;
  checkMarkerSet(
    breakpoints.map(({ ttl }) => ttl),
    automatic,
    onTarget,
  );
  if (automatic !== null && target !== -1 && onTarget === null)
    breakpoints.push({ index: target, ttl: automatic });
  const cumulative = cumulate(blocks);
  return { blocks, cumulative, total: cumulative.at(-1) ?? 0, breakpoints };
}

function refusalOf(error: unknown): { accepted: false; status: 400; reason: string } {
  if (error instanceof Refused) return { accepted: false, status: 400, reason: error.message };
  throw error;
}

/**
 * The emulator's billing written down a second time, straight from the spec and as simply as possible: one list of
 * entries searched from end to end, nothing ever deleted. Only for comparing; knows no HTTP and no scripts.
 *
 * @example
 * const server = new ReferenceServer();
 * server.request({ body, workspace: 'a', beginAfterMs: 0 });
 * server.advance(1_000);
 */
export class ReferenceServer {
  /** Virtual time in milliseconds. */
  nowMs = 0;
  readonly #stored: StoredEntry[] = [];
  readonly #beginningsMs: number[] = [];

  /** Moves time forward. */
  advance(ms: number): void {
    this.nowMs += ms;
  }

  /** Whole prompt in tokens; validates markers, ignores the cache (spec 5.6, 9.7). */
  count(body: unknown): CountAnswer {
    try {
      return { accepted: true, inputTokens: preparePrompt(checkShape(body, 'count_tokens')).total };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Bills a request that arrives now against the entries alive now, then refreshes and writes. A refused one changes nothing. */
  request(arrival: Arrival): Answer {
    try {
      const body = checkShape(arrival.body, 'messages');
      return this.#serve(body, preparePrompt(body), arrival);
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Entries not yet expired, those in flight included, in the order of writing. */
  entries(): Entry[] {
    return this.#stored
      .filter((entry) => this.nowMs < entry.expiresMs)
      .map(({ key: _key, ...entry }) => entry);
  }

  /** Accepted requests whose response has not begun. */
  inFlight(): number {
    return this.#beginningsMs.filter((beginningMs) => beginningMs > this.nowMs).length;
  }

  #serve(body: JsonObject, prompt: Prompt, arrival: Arrival): Answer {
    this.#beginningsMs.push(this.nowMs + arrival.beginAfterMs);
    const keys = prefixKeys(body, arrival.workspace, prompt.blocks);
    const model = String(body['model']);
    const { minCacheableTokens } = factsOf(model);
    const eligible = prompt.breakpoints.filter(
      ({ index }) => prompt.cumulative[index]! >= minCacheableTokens,
    );
    const notes: MissNotes = { wasInFlight: false, wasExpired: false };
    const hit = this.#findHit(prompt.blocks, keys, eligible, notes);
    // A breakpoint at or below the hit writes nothing (spec 15). Positions decide, so that a marked block of no
    // tokens just after the hit still gets the entry every breakpoint gets (spec 2.1), at no price.
    const written = eligible.filter(({ index }) => index > hit);
    this.#refresh(keys.slice(0, hit + 1));
    this.#write(written, keys, prompt, {
      model,
      workspace: arrival.workspace,
      beginAfterMs: arrival.beginAfterMs,
    });
    return { accepted: true, usage: bill(prompt, hit, written), notes };
  }

  /** Index of the highest hit, -1 if none: 20 positions back from each breakpoint, the last one first (spec 2.2). */
  #findHit(
    blocks: readonly RenderedBlock[],
    keys: readonly string[],
    eligible: readonly Breakpoint[],
    notes: MissNotes,
  ): number {
    for (const { index: start } of eligible.toReversed()) {
      for (const index of lookbackFrom(start, blocks)) {
        const matches = this.#stored.filter((entry) => entry.key === keys[index]);
        if (matches.some((entry) => this.#isAlive(entry))) return index;
        notes.wasInFlight ||= matches.some((entry) => this.nowMs < entry.readyMs);
        notes.wasExpired ||= matches.some((entry) => this.nowMs >= entry.expiresMs);
      }
    }
    return -1;
  }

  #isAlive(entry: StoredEntry): boolean {
    return entry.readyMs <= this.nowMs && this.nowMs < entry.expiresMs;
  }

  /** Every live entry on the path up to the hit lives on for its own TTL (spec 4.3, 15). */
  #refresh(path: readonly string[]): void {
    for (const entry of this.#stored) {
      if (path.includes(entry.key) && this.#isAlive(entry)) entry.expiresMs = this.nowMs + TTL_MS[entry.ttl];
    }
  }

  #write(
    written: readonly Breakpoint[],
    keys: readonly string[],
    prompt: Prompt,
    { model, workspace, beginAfterMs }: { model: string; workspace: string; beginAfterMs: number },
  ): void {
    for (const { index, ttl } of written) {
      this.#stored.push({
        key: keys[index]!,
        model,
        workspace,
        tokens: prompt.cumulative[index]!,
        ttl,
        readyMs: this.nowMs + beginAfterMs,
        expiresMs: this.nowMs + TTL_MS[ttl],
      });
    }
  }
}

/** Block indices tested from a breakpoint, latest first; a run of `tool_use`, or of `tool_result`, is one position (spec 2.2). */
function lookbackFrom(start: number, blocks: readonly RenderedBlock[]): number[] {
  const tested: number[] = [];
  let positions = 0;
  for (let index = start; index >= 0; index -= 1) {
    const type = blocks[index]!.type;
    const isSameRun =
      index < start && blocks[index + 1]!.type === type && (type === 'tool_use' || type === 'tool_result');
    if (!isSameRun) positions += 1;
    if (positions > LOOKBACK_POSITIONS) break;
    tested.push(index);
  }
  return tested;
}

/** Billing positions A, B and C (spec 4.5). */
function bill(prompt: Prompt, hit: number, written: readonly Breakpoint[]): Usage {
  const tokensAt = ({ index }: { index: number }): number => prompt.cumulative[index] ?? 0;
  const a = tokensAt({ index: hit });
  const last1h = written.findLast(({ ttl }) => ttl === '1h');
  const last = written.at(-1);
  const b = last1h === undefined ? a : tokensAt(last1h);
  const c = last === undefined ? a : tokensAt(last);
  return {
    input_tokens: prompt.total - c,
    cache_read_input_tokens: a,
    cache_creation_input_tokens: c - a,
    cache_creation: { ephemeral_5m_input_tokens: c - b, ephemeral_1h_input_tokens: b - a },
  };
}
