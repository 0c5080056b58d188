import type { TakenAnswer } from './cached-answer.ts';
import { cacheStatus } from './cache-status.ts';
import type { Entry, EntryFacts } from './entry.ts';
import type { Found, Levels } from './levels.ts';
import { lifeFor } from './life.ts';
import type { ResponseSettings, Served } from './options.ts';
import { Patience } from './patience.ts';
import type { AnswerForm, EligibleCall, MessageCall } from './request.ts';
import { SavedCall } from './saved-call.ts';
import { contentType } from './served.ts';

/** The head of the last hit of a request: for a second the next one's is the same. */
interface LastHead {
  readonly facts: EntryFacts;
  readonly tier: Served['tier'];
  readonly ageS: number;
  readonly ttlS: number;
  readonly savedPicoUsd: bigint | null;
  readonly headers: readonly string[];
}

/** A call on its way: what was done for it already. */
export interface Looking {
  readonly startedMs: number;
  readonly patience: Patience;
  /** The second level was asked, and this is what it had. */
  looked: { readonly found: Found | null } | null;
}

export function beginLooking(settings: ResponseSettings): Looking {
  return { startedMs: settings.clock.nowMs(), patience: new Patience(settings), looked: null };
}

/** Gives fresh answers that are kept, whole and at once. */
export class Hits {
  readonly #settings: ResponseSettings;
  readonly #levels: Levels;
  readonly #tell: (served: Served) => void;
  readonly #heads = new WeakMap<EligibleCall, LastHead>();

  constructor(settings: ResponseSettings, levels: Levels, tell: (served: Served) => void) {
    this.#settings = settings;
    this.#tell = tell;
    this.#levels = levels;
  }

  /** From memory; null: it takes more than a look. */
  take(call: MessageCall, eligible: EligibleCall): TakenAnswer | null {
    if (eligible.settings.variants > 1) return null;
    const nowMs = this.#settings.clock.nowMs();
    const entry = this.#levels.peekHeld(eligible.key, nowMs);
    const whole = entry && bytesIn(eligible.form, entry);
    return whole ? this.#give(call, eligible, { entry, tier: 'memory' }, whole, nowMs, nowMs) : null;
  }

  /** From the second level; null: it has none that can be given so, or was not asked. */
  async look(call: MessageCall, eligible: EligibleCall, looking: Looking): Promise<TakenAnswer | null> {
    const { settings, key, form } = eligible;
    if (settings.variants > 1 || !this.#settings.store || this.#levels.hasHeld(key)) return null;
    const found = await this.#levels.lookUp(key, looking.patience);
    looking.looked = { found };
    const whole = found && this.#levels.inForm(key, found, form);
    if (!whole) return null;
    return this.#give(call, eligible, found, whole, looking.startedMs, this.#settings.clock.nowMs());
  }

  /** null where it is past its time. */
  #give(
    call: MessageCall,
    eligible: EligibleCall,
    { entry, tier }: Found,
    whole: Uint8Array,
    startedMs: number,
    nowMs: number,
  ): TakenAnswer | null {
    const { facts } = entry;
    const { freshUntilMs } = lifeFor(facts, eligible.settings);
    if (nowMs >= freshUntilMs) return null;
    const ageMs = Math.max(0, nowMs - facts.createdMs);
    const served: Served = {
      kind: 'hit',
      tier,
      reason: null,
      key: eligible.key,
      scope: eligible.scope,
      model: eligible.model,
      ageMs,
      freshForMs: freshUntilMs - nowMs,
      isStored: true,
      savedPicoUsd: this.#settings.cost(new SavedCall(call, eligible.key, facts, nowMs, ageMs)),
      savedMs: facts.upstreamMs - (nowMs - startedMs),
    };
    this.#tell(served);
    return { headers: this.#head(eligible, entry, whole, served), whole, served };
  }

  #head(eligible: EligibleCall, { facts }: Entry, whole: Uint8Array, served: Served): readonly string[] {
    const { ageMs, freshForMs, savedPicoUsd, tier } = served;
    const ageS = Math.floor((ageMs ?? 0) / 1000);
    const ttlS = Math.floor((freshForMs ?? 0) / 1000);
    const last = this.#heads.get(eligible);
    const isSame = last?.facts === facts && last.ageS === ageS && last.ttlS === ttlS && last.tier === tier;
    if (isSame && last.savedPicoUsd === savedPicoUsd) return last.headers;
    const texts = {
      ...facts.headers,
      ...contentType(eligible.form),
      age: String(ageS),
      'cache-status': cacheStatus(served),
      'content-length': String(whole.length),
    };
    const headers = Object.entries(texts).flat();
    this.#heads.set(eligible, { facts, tier, ageS, ttlS, savedPicoUsd, headers });
    return headers;
  }
}

function bytesIn(form: AnswerForm, { facts, bytes, otherForm }: Entry): Uint8Array | null {
  return facts.form === form ? bytes : (otherForm ?? null);
}
