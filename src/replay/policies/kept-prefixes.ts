import { decideKeepAlive } from '../../warming/index.ts';
import type { KeptPlace, LearnedPlan, LearnedPlanner } from '../../planner/index.ts';
import { TTL_1H, type PolicyContext, type SendPing } from '../policy.ts';
import { TimedQueue } from '../timed-queue.ts';

/** A shared prefix that is looked after. */
interface Kept {
  readonly place: KeptPlace;
  readonly model: number;
  pings: number;
}

/** Looks after the shared prefixes of a trace: what the gateway's keep-alive decides, with pings of the simulation. */
export class KeptPrefixes {
  readonly #planner: LearnedPlanner;
  readonly #context: PolicyContext;
  readonly #kept = new Map<number, Kept>();
  readonly #queue = new TimedQueue();
  /** In uncached input tokens, by application. */
  readonly #pingCosts = new Map<number, number>();

  constructor(planner: LearnedPlanner, context: PolicyContext) {
    this.#planner = planner;
    this.#context = context;
  }

  /** A request was sent: the longest shared prefix that has an hour's entry is looked after from now on. */
  note(plan: LearnedPlan, model: number): void {
    this.#lookAfter(this.#planner.placeToKeep(plan), model);
  }

  #lookAfter(from: KeptPlace | null, model: number): void {
    for (let place = from; place; place = place.below) {
      const expiresMs = this.#expiresMs(place.key);
      if (expiresMs === -Infinity) continue;
      const known = this.#kept.get(place.key);
      this.#kept.set(place.key, { place, model, pings: 0 });
      // A known one has its place in the queue, and moves on when its time comes.
      if (!known) this.#queue.add(place.key, expiresMs - LEAD_MS);
      return;
    }
  }

  get nextWakeMs(): number {
    return this.#queue.nextMs;
  }

  wake(nowMs: number, sendPing: SendPing): void {
    const key = this.#queue.take();
    const kept = this.#kept.get(key);
    if (!kept) return;
    const { place, model } = kept;
    const decision = decideKeepAlive(
      {
        tokens: place.tokens,
        expiresMs: this.#expiresMs(key),
        pings: kept.pings,
        inputUsdPerToken: this.#context.prices[model]?.inputUsdPerToken ?? 0,
        advise: () =>
          this.#planner.adviseKeeping(place, {
            nowMs,
            overheadTokens: this.#context.pingOverheadTokens,
          }),
      },
      nowMs,
      { leadMs: LEAD_MS },
    );
    if (decision.action === 'wait') {
      this.#queue.add(key, decision.untilMs);
    } else if (decision.action === 'refresh') {
      kept.pings += 1;
      sendPing(key, TTL_1H, model);
      this.#charge(place);
      this.#planner.pinged(place, nowMs);
      this.#queue.add(key, this.#expiresMs(key) - LEAD_MS);
    } else {
      this.#kept.delete(key);
      this.#lookAfter(place.below, model);
    }
  }

  #charge({ application, tokens, prices }: KeptPlace): void {
    const cost = tokens * prices.read + this.#context.pingOverheadTokens;
    this.#pingCosts.set(application, (this.#pingCosts.get(application) ?? 0) + cost);
  }

  /** What pings for an application have cost since this was last asked. */
  takePingCost(application: number): number {
    const cost = this.#pingCosts.get(application) ?? 0;
    this.#pingCosts.delete(application);
    return cost;
  }

  #expiresMs(key: number): number {
    return this.#context.expiresMs(key, TTL_1H);
  }
}

/** Pings go out so long before an entry ends. */
const LEAD_MS = 15_000;
