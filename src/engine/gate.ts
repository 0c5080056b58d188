import { createHmac } from 'node:crypto';

import {
  BREAKPOINTS_MAX,
  LOOKBACK_POSITIONS,
  noTokens,
  ratesFor,
  standardPricing,
  totalInputTokens,
  type TokenCounts,
} from '../core/index.ts';
import type { GateRecord } from '../ledger/index.ts';
import {
  takeTurn,
  type Gate,
  type GateChain,
  type GateEnd,
  type GateLead,
  type GatePlace,
  type GateTurn,
} from '../warming/index.ts';
import type { ReadRequest } from './analysis.ts';
import type { EngineContext } from './context.ts';
import type { Mode } from './options.ts';
import type { Prepared } from './prepare.ts';
import { isGateAsked, type Headers } from './request-facts.ts';

/** Does a breakpoint of the request find an entry on a block when it looks back (spec 2.2), or may we add one? */
function canFind({ prompt, chain }: ReadRequest, index: number): boolean {
  if (prompt.breakpoints.length < BREAKPOINTS_MAX) return true;
  const at = chain.positions[index] ?? 0;
  return prompt.breakpoints.some(
    ({ blockIndex }) => blockIndex >= index && (chain.positions[blockIndex] ?? 0) - at < LOOKBACK_POSITIONS,
  );
}

/** Text that stands for a prefix where others can see it. */
function leaseName(prefixId: string, { scopeKey }: EngineContext): string {
  return createHmac('sha256', scopeKey).update(`gate ${prefixId}`).digest('base64url').slice(0, 22);
}

/** One request at the gate: first as one that may have to wait, then as one that others may wait for. */
export class GatePass {
  readonly #context: EngineContext;
  readonly #gate: Gate;
  readonly #read: ReadRequest;
  readonly #isAsked: boolean;
  readonly #chain: GateChain<string>;
  #place: GatePlace | null = null;
  #lead: GateLead | null = null;
  #turn: GateTurn | null = null;
  /** What it writes, as other gateways know it; empty where there are none. */
  #written: readonly { readonly name: string; readonly tokens: number }[] = [];
  #assumeBegun: () => void = () => undefined;
  #leave: () => void = () => undefined;
  #hasLeft = false;
  /** Since when it waits; null: it does not. */
  #sinceMs: number | null = null;
  #waitedMs = 0;
  #end: GateEnd | null = null;
  #saves = { tokens: 0, hitTokens: 0 };

  constructor(context: EngineContext, read: ReadRequest, mode: Mode, headers: Headers) {
    this.#context = context;
    this.#gate = context.gate;
    this.#read = read;
    const { options: gate } = context.gate;
    this.#isAsked = mode === 'optimize' && isGateAsked(headers, gate.state === 'on');
    const { prefixIds: keys, cumulativeTokens } = read.chain;
    this.#chain = { keys, cumulativeTokens, length: keys.length };
    this.#place = this.#isAsked ? this.#find() : null;
  }

  /** Is another request writing what this one would read? */
  get mustWait(): boolean {
    return this.#place !== null;
  }

  #find(): GatePlace | null {
    const { cacheModel } = this.#context;
    const hit = (): number => cacheModel.readableIndex(this.#read.chain, this.#nowMs());
    const place = this.#gate.find(this.#chain, hit);
    if (!place || !canFind(this.#read, place.index)) return null;
    const tokens = this.#chain.cumulativeTokens[place.index] ?? 0;
    this.#saves = { tokens: place.savedTokens, hitTokens: tokens - place.savedTokens };
    return place;
  }

  #nowMs(): number {
    return this.#context.options.clock.nowMs();
  }

  /**
   * Waits for one writer after another, until there is none that is worth it, or for long enough.
   *
   * @param go plans the request, and says by `lead` what it writes: at the moment at which it was found that nobody does, so
   * that of many that wait only one does
   */
  async hold(go: () => void): Promise<void> {
    const sinceMs = this.#nowMs();
    this.#sinceMs = sinceMs;
    for (let place = this.#place; place; place = this.#find()) {
      const { eachMs, totalMs } = this.#gate.limitsOf(place.writer);
      const leftMs = sinceMs + totalMs - this.#nowMs();
      const { end, leave } = this.#gate.wait(place, Math.min(eachMs, leftMs));
      this.#leave = leave;
      if (this.#hasLeft) leave();
      this.#end = await end;
      if (this.#end === 'deadline' || this.#end === 'left') break;
    }
    this.#endWaiting();
    if (!this.#hasLeft) go();
  }

  #endWaiting(): void {
    if (this.#sinceMs !== null) this.#waitedMs += Math.max(0, this.#nowMs() - this.#sinceMs);
    this.#sinceMs = null;
  }

  /** The request is planned, and goes out now: what it writes others may wait for. */
  lead({ forecast, ticket }: Prepared): void {
    if (!forecast) return;
    const { planner } = this.#context.options;
    const { written, totalTokens, readTokens } = forecast.sent;
    const { options: gate } = this.#gate;
    const keys = written
      .filter(({ tokens }) => tokens - readTokens >= gate.minTokens)
      .map(({ prefixId }) => prefixId);
    if (keys.length === 0) return;
    const firstTokens = {
      model: this.#read.prompt.model.facts.id,
      freshTokens: totalTokens - readTokens,
      isStream: this.#read.body['stream'] === true,
    };
    this.#assumeBegun = (): void => {
      forecast.begin(this.#nowMs());
      if (ticket) planner.begin(ticket, this.#nowMs());
    };
    this.#lead = this.#gate.lead({ keys, firstTokens, assumeBegun: this.#assumeBegun });
    if (!gate.leases || !this.#isAsked) return;
    const named = written.filter(({ prefixId }) => keys.includes(prefixId));
    this.#written = named.map(({ prefixId, tokens }) => ({
      name: leaseName(prefixId, this.#context),
      tokens,
    }));
  }

  /** Waits until no other gateway writes the same; null where there is none to ask. */
  takeTurn(): Promise<void> | null {
    const { timers, clock, random } = this.#context.options;
    const { leases } = this.#gate.options;
    if (!leases || !this.#lead || this.#written.length === 0) return null;
    const { eachMs } = this.#gate.limitsOf(this.#lead);
    const limitMs = Math.max(0, eachMs - this.#waitedMs);
    const names = this.#written.map(({ name }) => name);
    const turn = takeTurn({ leases, names, limitMs, timers, clock, random });
    this.#turn = turn;
    this.#sinceMs = this.#nowMs();
    return turn.settled.then((names) => {
      this.#endWaiting();
      this.#beginSettled(names);
    });
  }

  /** Where another gateway has written nearly all of it, it can be read: those who wait for this request need not. */
  #beginSettled(names: readonly string[]): void {
    const tokensOf = (written: readonly { readonly tokens: number }[]): number =>
      Math.max(0, ...written.map(({ tokens }) => tokens));
    const settled = this.#written.filter(({ name }) => names.includes(name));
    const isNearlyAll = tokensOf(this.#written) - tokensOf(settled) < this.#gate.options.minTokens;
    if (settled.length === 0 || !isNearlyAll) return;
    this.#assumeBegun();
    this.#lead?.begin();
  }

  /** The response begins, `sinceSentMs` after the request went out; null where that says nothing. */
  begin(sinceSentMs: number | null): void {
    const lead = this.#lead;
    if (!lead) return;
    if (sinceSentMs !== null) this.#gate.times.observe(lead.firstTokens, sinceSentMs);
    lead.begin();
    this.#turn?.settle();
  }

  /** It writes nothing, or nobody wants its answer any more; after `begin` this does nothing. */
  fail(): void {
    this.#hasLeft = true;
    if (this.#sinceMs !== null && !this.#lead) this.#end = 'left';
    this.#leave();
    this.#lead?.fail();
    this.#turn?.release();
  }

  /** What became of it; null for one that neither waited nor was waited for. */
  record(usage: TokenCounts | null, atMs: number): GateRecord | null {
    this.#endWaiting();
    const followers = this.#lead?.followers ?? 0;
    if (this.#end === null && followers === 0 && this.#waitedMs === 0) return null;
    const isFollower = this.#end === 'begun' || this.#end === 'deadline' || this.#end === 'left';
    const savedTokens = usage && this.#end === 'begun' ? this.#savedTokens(usage) : 0;
    const model = this.#read.prompt.model.facts;
    const { open } = this.#context.options.rules;
    const { uncachedPicoUsd, readPicoUsd } = ratesFor(model, usage ?? noTokens, standardPricing(atMs), open);
    const savedPicoUsd = BigInt(savedTokens) * BigInt(uncachedPicoUsd - readPicoUsd);
    const waitedMs = this.#waitedMs;
    const deadlines = this.#end === 'deadline' ? 1 : 0;
    if (this.#end !== null) this.#gate.count({ waitedMs, deadlines, savedTokens, savedPicoUsd });
    return {
      role: isFollower ? 'follower' : 'leader',
      end: this.#end,
      waitedMs,
      followers,
      savedTokens,
      savedPicoUsd,
    };
  }

  /** What was read of the prefix that it waited for, in billed tokens: estimates never add up exactly. */
  #savedTokens(usage: TokenCounts): number {
    const estimated = this.#chain.cumulativeTokens[this.#chain.length - 1] ?? 0;
    const scale = totalInputTokens(usage) / Math.max(1, estimated);
    const readBeyondHit = usage.readTokens - this.#saves.hitTokens * scale;
    return Math.max(0, Math.round(Math.min(this.#saves.tokens * scale, readBeyondHit)));
  }
}
