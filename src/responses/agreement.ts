import { hash } from 'node:crypto';

import { inTime } from './bounded-store.ts';
import { EntryFormat } from './entry.ts';
import { Fleet, type Lead } from './fleet.ts';
import { openHandover, packHandover, type Handover } from './handover.ts';
import type { Found, Levels } from './levels.ts';
import { lifeFor } from './life.ts';
import type { MarkValues } from './marks.ts';
import type { ResponseSettings } from './options.ts';
import type { CallSettings } from './rules.ts';

/** What processes have agreed on: `goes` is for the caller to send, and `lead` to be ended with its answer. */
export type Agreed =
  | { readonly kind: 'goes'; readonly lead: OwnLead | null }
  | { readonly kind: 'found'; readonly found: Found }
  | { readonly kind: 'handed'; readonly handover: Handover }
  /** Another process fetches it, for which a caller that only refreshes does not wait. */
  | { readonly kind: 'elsewhere' };

/** A lead that knows what it is for. */
export interface OwnLead extends Pick<Lead, 'isLost' | 'release'> {
  /** The whole answer has come, and is in the store if it is kept; null where it cannot be given to others. */
  finish(answer: Handover | null): Promise<void>;
}

/** What is to be agreed on. */
export interface Question {
  readonly key: string;
  /** What holds for the caller. */
  readonly settings: CallSettings;
  readonly marks: MarkValues;
  readonly isRefresh: boolean;
  /** The longest that it may take to ask. */
  readonly waitMs: number;
  /** Ends when nobody wants the answer any more. */
  readonly signal: AbortSignal;
}

/** The store is asked for so long at least, in ms. */
const LEFT_MS_MIN = 5;

/** Leaders elsewhere that fail before a process goes alone. */
const FAILED_LEADERS_MAX = 2;

/** Makes one process of many send a request, where they share a place to agree in. */
export class Agreement {
  readonly #fleet: Fleet;
  readonly #levels: Levels;
  readonly #settings: ResponseSettings;
  readonly #format: EntryFormat;
  readonly #finishing = new Set<Promise<void>>();
  readonly #isOneConnection: boolean;

  constructor(fleet: Fleet, levels: Levels, settings: ResponseSettings) {
    this.#isOneConnection = settings.areFlightsOfStore;
    this.#fleet = fleet;
    this.#levels = levels;
    this.#settings = settings;
    const { encryptionKeys, entryBytesMax, compressFromBytes } = settings;
    this.#format = new EntryFormat(encryptionKeys, entryBytesMax, compressFromBytes);
  }

  async agree(question: Question): Promise<Agreed> {
    const { key, isRefresh, waitMs, signal } = question;
    const id = flightId(question);
    const fromMs = this.#settings.clock.nowMs();
    for (let failures = 0; failures < FAILED_LEADERS_MAX; failures += 1) {
      const entering = this.#fleet.enter(id, !isRefresh, waitMs);
      // On one connection the store is looked into once the lead is taken, though both are on their way at once.
      const looking = this.#isOneConnection ? this.#levels.findStored(key) : null;
      const entered = await entering;
      if (entered.kind === 'alone') break;
      if (entered.kind === 'leads') return this.#lead(question, entered.lead, looking, fromMs);
      if (isRefresh) return { kind: 'elsewhere' };
      const followed = await this.#fleet.follow(entered.flight, signal);
      if (signal.aborted || followed === 'unreachable') break;
      if (followed === 'gone') continue;
      const handover = openHandover(this.#format, key, entered.flight.fence, followed);
      if (!handover) break;
      return { kind: 'handed', handover };
    }
    return { kind: 'goes', lead: null };
  }

  /** Resolves when others have been told of all that has come here. */
  async settle(): Promise<void> {
    while (this.#finishing.size > 0) await Promise.all(this.#finishing);
  }

  /** Whoever led before may have stored it between our look into the store and now. */
  async #lead(
    question: Question,
    lead: Lead,
    looking: Promise<Found | null> | null,
    fromMs: number,
  ): Promise<Agreed> {
    const { key, settings, isRefresh } = question;
    const { clock } = this.#settings;
    const waitMs = Math.max(LEFT_MS_MIN, question.waitMs - (clock.nowMs() - fromMs));
    const found = await inTime(looking ?? this.#levels.findStored(key), waitMs, this.#settings);
    const life = found && lifeFor(found.entry.facts, settings);
    const untilMs = (isRefresh ? life?.freshUntilMs : life?.revalidateUntilMs) ?? -Infinity;
    if (!found || clock.nowMs() >= untilMs) return { kind: 'goes', lead: this.#own(key, lead) };
    lead.release();
    return { kind: 'found', found };
  }

  #own(key: string, lead: Lead): OwnLead {
    return {
      isLost: () => lead.isLost(),
      release: () => lead.release(),
      finish: (answer) => {
        const pack = (fence: string): Uint8Array | null =>
          answer && packHandover(this.#format, key, fence, answer);
        const finishing = lead.finish(pack).finally(() => this.#finishing.delete(finishing));
        this.#finishing.add(finishing);
        return finishing;
      },
    };
  }
}

/** Requests with one key before and after a purge do not fly together. */
function flightId({ key, marks }: Question): string {
  const values = Object.entries(marks).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([key, values]), 'hex');
}

/** Null where there is nobody to agree with. */
export function agreementOf(settings: ResponseSettings, levels: Levels): Agreement | null {
  const { flights, timers, clock } = settings;
  return flights && new Agreement(new Fleet(flights, timers, () => clock.nowMs()), levels, settings);
}
