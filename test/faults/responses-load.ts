import { Agent } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { send } from '../support/http-client.ts';
import { messageJson } from '../support/messages.ts';
import { HEADERS, request } from '../responses/upstream.ts';

/** Requests a second. */
const RATE = 200;
/** How often the requests that are due are sent, in ms. */
const EVERY_MS = 5;
/** Questions that are asked again and again. */
const REPEATED = 20;
/** So near in time, two requests meet the same machine. */
const NEAR_MS = 60;

/** One request that was answered. */
interface Answered {
  readonly atMs: number;
  readonly waitMs: number;
  /** It had nothing to do with the store. */
  readonly isControl: boolean;
}

/** What a time of load showed. */
export interface Load {
  /** How much longer requests took than the slowest of those at the same time that have nothing to do with the store. */
  readonly addedMs: readonly number[];
  /** Requests without a whole answer. */
  readonly failed: readonly string[];
  /** Answers that came from the second level. */
  readonly fromStore: number;
  /** How long at most this process did nothing of what it should, in ms: so much of a wait may be the machine's. */
  readonly stallMs: number;
}

/** What the machine does to all requests at one time is not the store's. */
function addedWaits(answered: readonly Answered[]): readonly number[] {
  const controls = answered.filter(({ isControl }) => isControl);
  return answered.flatMap(({ atMs, waitMs, isControl }) => {
    if (isControl) return [];
    const near = controls.filter((control) => Math.abs(control.atMs - atMs) <= NEAR_MS);
    return [Math.max(0, waitMs - Math.max(0, ...near.map((control) => control.waitMs)))];
  });
}

/** Sends requests at a steady rate, whether they are answered or not. */
export class SteadyLoad {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #headers = Object.entries(HEADERS).flat();
  #sent = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** For so many seconds; resolves when the last request is answered. */
  async run(seconds: number): Promise<Load> {
    const load = { answered: [] as Answered[], failed: [] as string[], fromStore: 0 };
    const asking: Promise<void>[] = [];
    const stall = monitorEventLoopDelay({ resolution: 5 });
    stall.enable();
    const from = performance.now();
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const passedS = (performance.now() - from) / 1000;
        while (asking.length < Math.min(passedS, seconds) * RATE) asking.push(this.#ask(load));
        if (passedS < seconds) return;
        clearInterval(timer);
        resolve();
      }, EVERY_MS);
    });
    await Promise.all(asking);
    stall.disable();
    const { answered, failed, fromStore } = load;
    return { addedMs: addedWaits(answered), failed, fromStore, stallMs: stall.max / 1e6 };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(load: { answered: Answered[]; failed: string[]; fromStore: number }): Promise<void> {
    this.#sent += 1;
    const isControl = this.#sent % 4 === 1;
    const isNew = this.#sent % 4 === 0;
    const body = request({ number: isNew ? 1_000 + this.#sent : this.#sent % REPEATED });
    const directive = isControl ? ['x-cachewright-response-cache', 'off'] : [];
    const atMs = performance.now();
    try {
      const headers = [...this.#headers, ...directive, 'content-type', 'application/json'];
      const answer = await send(this.#url, { headers, body, agent: this.#agent });
      load.answered.push({ atMs, waitMs: performance.now() - atMs, isControl });
      if (answer.status !== 200 || answer.body.toString() !== messageJson())
        load.failed.push(`${answer.status} ${answer.body.toString().slice(0, 100)}`);
      if (String(answer.headers['cache-status']).includes('detail=store')) load.fromStore += 1;
    } catch (error) {
      load.failed.push(String(error));
    }
  }
}
