import type { OpenQuestions } from '../../core/index.ts';
import {
  type PlacementBuffer,
  type PolicyContext,
  type PolicyRun,
  type ReplayOutcome,
  type ReplayPolicy,
} from '../policy.ts';
import type { SimulationPrices } from '../prices.ts';
import { TimedQueue } from '../timed-queue.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { CacheSimulator, createOutcome, createPlacements, type SimulatedRequest } from './cache-simulator.ts';
import { CostCurve } from './cost-curve.ts';
import { Tally, type TokenTally } from './tally.ts';

/** How a trace is simulated. */
export interface SimulationOptions {
  /** By the trace's model numbers. */
  readonly prices: readonly SimulationPrices[];
  /** Tokens that a ping costs beyond the prefix that it reads. @default 8 */
  readonly pingOverheadTokens?: number;
  /** How the service keeps entries above shorter ones (spec 15). @default 'self-contained' */
  readonly entriesAre?: OpenQuestions['entriesAre'];
  /** Points of the curve of cost over time. @default 200 */
  readonly curvePoints?: number;
  /** Called now and then with the number of requests done. */
  readonly onProgress?: (doneRequests: number) => void;
}

/** What one policy made of a trace. */
export interface SimulationResult {
  readonly tallies: readonly TokenTally[];
  /** Input cost so far in dollars, pings included, at the end of each of equal parts of the trace's time. */
  readonly costCurveUsd: readonly number[];
  /** Requests that a gate held back, and for how long in all. */
  readonly heldRequests: number;
  readonly heldMs: number;
}

const PING_OVERHEAD_TOKENS = 8;
const CURVE_POINTS = 200;
const PROGRESS_STEPS = 64;

/** Time to first token of a ping: a second, and another for each 60,000 tokens, as for requests without a record. */
function pingLatencyMs(tokens: number): number {
  return 1000 + tokens / 60;
}

/** One policy on its way through one trace. */
class Simulation {
  readonly #trace: Trace;
  readonly #options: SimulationOptions;
  readonly #simulator: CacheSimulator;
  readonly #run: PolicyRun;
  readonly #tally: Tally;
  readonly #curve: CostCurve;
  readonly #overheadTokens: number;
  readonly #placements: PlacementBuffer = createPlacements();
  readonly #pingPlacements: PlacementBuffer = createPlacements();
  readonly #outcome: ReplayOutcome = createOutcome();
  readonly #pingOutcome: ReplayOutcome = createOutcome();
  readonly #current: SimulatedRequest = { totalTokens: 0, startMs: 0, readyMs: 0, minCacheableTokens: 0 };
  readonly #held = new TimedQueue();
  #heldRequests = 0;
  #heldMs = 0;
  #nowMs = 0;

  constructor(trace: Trace, policy: ReplayPolicy, options: SimulationOptions) {
    this.#trace = trace;
    this.#options = options;
    this.#simulator = new CacheSimulator(trace, options.entriesAre);
    this.#tally = new Tally(options.prices);
    const endMs = trace.requests.startMs[trace.requests.count - 1] ?? 0;
    this.#curve = new CostCurve(endMs, options.curvePoints ?? CURVE_POINTS);
    this.#overheadTokens = options.pingOverheadTokens ?? PING_OVERHEAD_TOKENS;
    const context: PolicyContext = {
      prices: options.prices,
      pingOverheadTokens: this.#overheadTokens,
      entriesAre: options.entriesAre ?? 'self-contained',
      isReadable: (prefixId, atMs) => this.#simulator.isReadable(prefixId, atMs),
      expiresMs: (prefixId, ttl) => this.#simulator.expiresMs(prefixId, ttl),
    };
    this.#run = policy.start(trace, context);
  }

  run(): SimulationResult {
    const { count, startMs } = this.#trace.requests;
    const hasGate = this.#run.sendAtMs !== undefined;
    const hasWakes = this.#run.nextWakeMs !== undefined;
    const progressEvery = Math.max(1, Math.ceil(count / PROGRESS_STEPS));
    let untilProgress = progressEvery;
    for (let request = 0; request < count; request += 1) {
      const arrivalMs = startMs[request] ?? 0;
      if (hasGate) {
        this.#arrive(request, arrivalMs);
      } else {
        if (hasWakes) this.#wakeUntil(arrivalMs);
        this.#send(request, arrivalMs);
      }
      untilProgress -= 1;
      if (untilProgress > 0) continue;
      untilProgress = progressEvery;
      this.#options.onProgress?.(request + 1);
    }
    this.#release(Infinity);
    this.#options.onProgress?.(count);
    return {
      tallies: this.#tally.rows(),
      costCurveUsd: this.#curve.cumulative(),
      heldRequests: this.#heldRequests,
      heldMs: this.#heldMs,
    };
  }

  #arrive(request: number, arrivalMs: number): void {
    this.#release(arrivalMs);
    this.#wakeUntil(arrivalMs);
    if (this.#ask(request, arrivalMs)) this.#heldRequests += 1;
  }

  /** Sends a request, unless the gate holds it: then true. */
  #ask(request: number, nowMs: number): boolean {
    const sendMs = this.#run.sendAtMs?.(request, nowMs) ?? nowMs;
    if (sendMs <= nowMs) {
      this.#send(request, nowMs);
      return false;
    }
    this.#heldMs += sendMs - nowMs;
    this.#held.add(request, sendMs);
    return true;
  }

  /** Asks again for the held requests whose time has come by `untilMs`. */
  #release(untilMs: number): void {
    for (let sendMs = this.#held.nextMs; sendMs <= untilMs && sendMs < Infinity; sendMs = this.#held.nextMs) {
      this.#wakeUntil(sendMs);
      this.#ask(this.#held.take(), sendMs);
    }
  }

  #wakeUntil(untilMs: number): void {
    const run = this.#run;
    for (
      let wakeMs = run.nextWakeMs?.() ?? Infinity;
      wakeMs <= untilMs;
      wakeMs = run.nextWakeMs?.() ?? Infinity
    ) {
      if (wakeMs === Infinity) return;
      // A policy may have asked for a time that is over by now.
      this.#nowMs = Math.max(this.#nowMs, wakeMs);
      run.wake?.(this.#nowMs, this.#ping);
    }
  }

  #send(request: number, sendMs: number): void {
    const { prefixIds, tailTokens, outputTokens, models, timeToFirstTokenMs } = this.#trace.requests;
    const current = this.#current;
    const prefixId = prefixIds[request] ?? NO_PREFIX;
    const model = models[request] ?? 0;
    this.#nowMs = sendMs;
    current.totalTokens =
      (prefixId < 0 ? 0 : (this.#trace.trie.cumulativeTokens[prefixId] ?? 0)) + (tailTokens[request] ?? 0);
    current.startMs = sendMs;
    current.readyMs = sendMs + (timeToFirstTokenMs[request] ?? 0);
    current.minCacheableTokens = this.#options.prices[model]?.minCacheableTokens ?? 0;
    this.#placements.count = 0;
    this.#run.place(request, this.#placements, sendMs);
    this.#simulator.step(current, this.#placements, this.#outcome);
    const usd = this.#tally.add(model, this.#outcome, current.totalTokens, outputTokens[request] ?? 0, false);
    this.#curve.add(sendMs, usd);
    this.#run.observe?.(request, this.#outcome);
  }

  readonly #ping = (prefixId: number, ttl: number, model: number): Readonly<ReplayOutcome> => {
    const tokens = this.#trace.trie.cumulativeTokens[prefixId] ?? 0;
    const request: SimulatedRequest = {
      totalTokens: tokens + this.#overheadTokens,
      startMs: this.#nowMs,
      readyMs: this.#nowMs + pingLatencyMs(tokens),
      minCacheableTokens: this.#options.prices[model]?.minCacheableTokens ?? 0,
    };
    const placements = this.#pingPlacements;
    placements.count = 1;
    placements.prefixIds[0] = prefixId;
    placements.ttls[0] = ttl;
    this.#simulator.step(request, placements, this.#pingOutcome);
    const usd = this.#tally.add(model, this.#pingOutcome, request.totalTokens, 0, true);
    this.#curve.add(this.#nowMs, usd);
    return this.#pingOutcome;
  };
}

/**
 * Runs one policy over a trace in virtual time.
 *
 * @example simulate(trace, findPolicy('automatic-5m'), { prices: [theoryPrices] }).tallies
 */
export function simulate(trace: Trace, policy: ReplayPolicy, options: SimulationOptions): SimulationResult {
  return new Simulation(trace, policy, options).run();
}
