import type { Ttl } from '../../core/index.ts';
import { createId } from '../../runtime/index.ts';
import { createAppraiser, type Appraiser, type Kept } from './appraiser.ts';
import { createConsent, type Consent } from './consent.ts';
import type { KeepAliveDecision } from './decide.ts';
import { createHoldings, type HeldRequest, type Holdings } from './holdings.ts';
import type { DueOutcome, EntryStanding, KeepAliveState, KeptVisit, OutstandingPing } from './kept-entry.ts';
import type { KeeperCounts, KeeperOptions } from './options.ts';
import { LET_GO_AFTER, type PingResult } from './ping.ts';
import { createPingLedger, type JudgedPing, type PingLedger, type PingTotals } from './ping-ledger.ts';
import { createPinger, type Pinged, type Pinger } from './pinger.ts';

/** An entry that is due, and what is to be done about it. */
interface DueEntry {
  readonly key: string;
  readonly kept: Kept;
  readonly standing: EntryStanding;
  readonly decision: KeepAliveDecision;
}

/** Failed pings of one entry in a row, after which it is let go. */
const FAILURES_MAX = 4;
/** How ids begin of pings that were only thought of. */
const OBSERVED = 'seen';
const TAKEN_OVER = 'taken_over';

/** Keeps entries alive by pings, as far as consent, economics, limits and the calendar go. Holds no credential longer. */
export class Keeper {
  readonly #ledger: PingLedger = createPingLedger();
  readonly #options: KeeperOptions;
  readonly #consent: Consent;
  readonly #holdings: Holdings;
  readonly #pinger: Pinger;
  readonly #appraiser: Appraiser;
  readonly #kept = new Map<string, Kept>();
  readonly #letGoBy: Record<string, number> = {};
  #failures = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#consent = createConsent(options.state);
    this.#pinger = createPinger(options);
    this.#appraiser = createAppraiser(options);
    this.#holdings = createHoldings(options.heldBytesMax, (key) => this.#forget(key, 'no_room'));
    options.schedule.start({
      due: (key, standing, signal) => this.#due(key, standing, signal),
      renewed: (key, atMs) => this.#kept.get(key)?.prefix.pinged(atMs),
      ordered: (scope, state) => this.#obey(scope, state),
      ended: (pingId) => this.#ledger.judge(pingId, { isUsed: false, savedPicoUsd: 0n }, isObserved(pingId)),
    });
  }

  /** What counts for a request of a scope. */
  stateFor(scope: string, asked: KeepAliveState | null): KeepAliveState {
    return this.#consent.stateFor(scope, asked);
  }

  #stateOf({ scope, asked, isObserved }: Pick<Kept, 'scope' | 'asked' | 'isObserved'>): KeepAliveState {
    const state = this.stateFor(scope, asked);
    return state === 'on' && isObserved ? 'observe' : state;
  }

  /** The TTL that the entry of a prefix was written with; null where it is not kept. Who reads it does not change it (spec 4.3). */
  ttlOf(key: string): Ttl | null {
    return this.#kept.get(key)?.prefix.ttl ?? null;
  }

  /**
   * A real request has used a prefix, which moves the entry's end.
   *
   * @param hold gives a copy of the request that is the keeper's own; called only where it is needed
   */
  visit({ atMs, ...visit }: KeptVisit, hold: () => HeldRequest): void {
    const { prefix } = visit;
    const state = this.#stateOf(visit);
    if (state === 'off') return this.#forget(prefix.key, 'off');
    if (!this.#kept.has(prefix.key) && this.#kept.size >= this.#options.entriesMax)
      return this.#count('too_many');
    const billedTokens = this.#kept.get(prefix.key)?.billedTokens ?? null;
    const kept: Kept = { ...visit, visitedMs: atMs, billedTokens, failures: 0, isWoken: false };
    this.#keep(kept, state === 'on' ? hold : null);
  }

  /** The service has refused the credential of a scope: nothing of it is held any longer. */
  refused(scope: string): void {
    this.#wipeScope(scope, 'credential_refused');
  }

  /**
   * What is to count for a scope, whatever its requests ask for; null leaves it to them. Without a scope, what counts
   * where nobody says anything, and `off` is the kill switch. Acts at once: aborts what is under way, forgets what is held.
   */
  order(scope: string | null, state: KeepAliveState | null): void {
    this.#obey(scope, state);
    this.#options.schedule.order(scope, state);
  }

  /** A sentence about what does not work; null when all does. */
  note(): string | null {
    return this.#options.schedule.note();
  }

  #obey(scope: string | null, state: KeepAliveState | null): void {
    if (scope === null) return this.#setDefault(state ?? this.#options.state);
    this.#consent.setScope(scope, state);
    if (state !== 'on') this.#wipeScope(scope, 'off');
  }

  #setDefault(state: KeepAliveState): void {
    this.#consent.setDefault(state);
    if (state !== 'on') this.#pinger.abort(null);
    for (const [key, kept] of this.#kept) if (this.#stateOf(kept) !== 'on') this.#forget(key, 'off');
    if (state === 'off') this.#holdings.wipeAll();
  }

  /** What counts where nobody says anything. */
  get state(): KeepAliveState {
    return this.#consent.defaultState;
  }

  counts(): KeeperCounts {
    return {
      isKilled: this.#consent.isKilled,
      scopes: Object.fromEntries(this.#consent.scopes()),
      kept: this.#kept.size,
      heldBytes: this.#holdings.sizeBytes,
      inFlight: this.#pinger.inFlight,
      letGo: { ...this.#letGoBy },
      failures: this.#failures,
    };
  }

  /** Newest first. */
  pings(limit: number): readonly JudgedPing[] {
    return this.#ledger.list(limit);
  }

  totals(): { readonly sent: PingTotals; readonly observed: PingTotals } {
    return { sent: this.#ledger.totals(false), observed: this.#ledger.totals(true) };
  }

  async close(): Promise<void> {
    this.#pinger.abort(null);
    await this.#options.schedule.close();
    this.#holdings.wipeAll();
    this.#kept.clear();
  }

  #keep(kept: Kept, hold: (() => HeldRequest) | null): void {
    const { prefix, scope, visitedMs } = kept;
    const { schedule, ttlMs } = this.#options;
    // Before room is made: what has to go is not this one.
    this.#kept.set(prefix.key, kept);
    if (hold && !this.#holdings.hold(prefix.key, scope, hold())) return this.#forget(prefix.key, 'no_room');
    schedule.visit(prefix.key, visitedMs, ttlMs[prefix.ttl]).then(
      (outstanding) => this.#judge(kept, outstanding),
      () => void (this.#failures += 1),
    );
  }

  #wipeScope(scope: string, reason: string): void {
    this.#pinger.abort(scope);
    for (const [key, kept] of this.#kept) if (kept.scope === scope) this.#forget(key, reason);
    this.#holdings.wipeScope(scope);
  }

  #count(reason: string): void {
    this.#letGoBy[reason] = (this.#letGoBy[reason] ?? 0) + 1;
  }

  #forget(key: string, reason: string): void {
    this.#holdings.wipe(key);
    if (!this.#kept.delete(key)) return;
    this.#options.schedule.drop(key);
    this.#count(reason);
  }

  /** Lets an entry go whose end is still to come, so that a late user is counted; unless one has come meanwhile. */
  #letGo(key: string, kept: Kept, reason: string): DueOutcome {
    const known = this.#kept.get(key);
    if (known && known !== kept) return this.#lookAgain(known);
    this.#holdings.wipe(key);
    if (this.#kept.delete(key)) this.#count(reason);
    return { kind: 'let-go', reason };
  }

  #lookAgain({ visitedMs, prefix }: Kept): DueOutcome {
    const { ttlMs, leadMs } = this.#options;
    return { kind: 'later', untilMs: visitedMs + ttlMs[prefix.ttl] - leadMs };
  }

  async #due(key: string, standing: EntryStanding, signal: AbortSignal): Promise<DueOutcome> {
    const kept = this.#kept.get(key);
    if (!kept) return { kind: 'not-held' };
    try {
      const state = this.#stateOf(kept);
      if (state === 'off') return this.#letGo(key, kept, 'off');
      const decision = this.#appraiser.decide(kept, standing);
      const due = { key, kept, standing, decision };
      if (decision.action === 'wait') return { kind: 'later', untilMs: decision.untilMs };
      if (decision.action === 'let-go') return this.#letGoDown(due);
      return state === 'observe' ? this.#observe(due) : await this.#ping(due, signal);
    } catch {
      this.#failures += 1;
      return this.#letGo(key, kept, 'failed');
    }
  }

  /** Where an entry does not pay, one that is shorter and used by more may. */
  #letGoDown({ key, kept, decision }: DueEntry): DueOutcome {
    const { below } = kept.prefix;
    if (below !== null && decision.reason !== 'expired' && !this.#kept.has(below.key)) {
      const held = this.#holdings.find(key);
      const copy = held && { ...held, headers: Buffer.from(held.headers), body: Buffer.from(held.body) };
      this.#keep(
        { ...kept, prefix: below, billedTokens: null },
        copy ? () => ({ ...copy, blockPath: below.blockPath }) : null,
      );
    }
    return this.#letGo(key, kept, decision.reason);
  }

  #judge(kept: Kept, outstanding: OutstandingPing | null): void {
    if (!outstanding) return;
    const { pingId, isBridged: isUsed } = outstanding;
    const savedPicoUsd = isUsed ? this.#appraiser.saved(kept) : 0n;
    this.#ledger.judge(pingId, { isUsed, savedPicoUsd }, isObserved(pingId));
  }

  #observe(due: DueEntry): DueOutcome {
    const atMs = this.#options.clock.nowMs();
    const result = this.#appraiser.imagine(due.kept, atMs);
    const pingId = this.#record(due, result, atMs);
    return { kind: 'pinged', atMs, costPicoUsd: result.costPicoUsd, pingId };
  }

  async #ping(due: DueEntry, signal: AbortSignal): Promise<DueOutcome> {
    const { key, kept, standing } = due;
    const held = this.#holdings.find(key);
    if (!held) return { kind: 'not-held' };
    const whyNotNow = (): string | null => {
      if (signal.aborted) return 'stopped';
      if (!standing.mayAct()) return TAKEN_OVER;
      // It was wiped meanwhile, or another request has come.
      if (this.#holdings.find(key) !== held) return 'off';
      return !kept.isWoken && this.#options.clock.nowMs() >= standing.expiresMs ? 'expired' : null;
    };
    const task = { held, ttl: kept.prefix.ttl, scope: kept.scope, signal, whyNotNow };
    return this.#conclude(due, await this.#pinger.ping(task));
  }

  #conclude(due: DueEntry, pinged: Pinged): DueOutcome {
    const { key, kept, standing } = due;
    // Another machine does it; this one goes on holding what it holds.
    if ('reason' in pinged && pinged.reason === TAKEN_OVER) return this.#lookAgain(kept);
    if ('reason' in pinged) return this.#letGo(key, kept, pinged.reason);
    const { result, atMs } = pinged;
    const pingId = this.#record(due, result, atMs);
    const { outcome, costPicoUsd } = result;
    if (outcome === 'renewed' || outcome === 'wrote') {
      kept.failures = 0;
      const { readTokens, write5mTokens, write1hTokens } = result.tokens;
      kept.billedTokens = readTokens + write5mTokens + write1hTokens;
      kept.prefix.pinged(atMs);
      return { kind: 'pinged', atMs, costPicoUsd, pingId };
    }
    if (outcome === 'refused') this.refused(kept.scope);
    if (outcome !== 'failed') return this.#letGo(key, kept, LET_GO_AFTER[outcome]);
    kept.failures += 1;
    const pauseMs = result.retryAfterMs ?? this.#options.leadMs / FAILURES_MAX;
    const untilMs = this.#options.clock.nowMs() + pauseMs;
    if (kept.failures >= FAILURES_MAX || untilMs >= standing.expiresMs)
      return this.#letGo(key, kept, 'failed');
    return { kind: 'later', untilMs };
  }

  #record({ key, kept, decision }: DueEntry, result: PingResult, atMs: number): string {
    const isSeen = result.outcome === 'would_renew';
    const id = createId(isSeen ? OBSERVED : 'ping', this.#options.random);
    const { retryAfterMs: _retryAfterMs, ...billed } = result;
    const { scope, model } = kept;
    const { reason, expectedValueUsd } = decision;
    const record = { id, atMs, key, scope, model, ...billed, isObserved: isSeen, reason, expectedValueUsd };
    this.#ledger.add(record);
    this.#options.onPing(record);
    return id;
  }
}

const isObserved = (pingId: string): boolean => pingId.startsWith(OBSERVED);
