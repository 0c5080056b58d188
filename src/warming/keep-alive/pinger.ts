import type { Ttl } from '../../core/index.ts';
import type { HeldRequest } from './holdings.ts';
import type { KeeperOptions } from './options.ts';
import { makePing, sendPing, type Ping, type PingResult } from './ping.ts';
import { createSlots } from './slots.ts';

/** A ping that was sent, or why none was. */
export type Pinged =
  | { readonly result: PingResult; readonly atMs: number }
  /** `reason` of one who asks no more. */
  | { readonly reason: string };

/** What a ping is sent for. */
export interface PingTask {
  readonly held: HeldRequest;
  readonly ttl: Ttl;
  readonly scope: string;
  /** Aborted when the schedule ends. */
  readonly signal: AbortSignal;
  /** Asked when the ping's turn has come: a reason not to send it any more. */
  readonly whyNotNow: () => string | null;
}

/** A long prompt takes a while to read; a service that says nothing for longer is given up. */
const PING_MS_MAX = 120_000;

/** Sends pings, so many at once, within what may be spent. */
export interface Pinger {
  /** Never sends twice; never rejects for the service's sake. */
  ping(task: PingTask): Promise<Pinged>;
  /** Aborts what is under way: of one scope, or all. */
  abort(scope: string | null): void;
  readonly inFlight: number;
}

type PingerOptions = Pick<
  KeeperOptions,
  'catalogue' | 'clock' | 'concurrency' | 'readBody' | 'send' | 'spending' | 'timers'
>;

export function createPinger({
  catalogue,
  clock,
  concurrency,
  readBody,
  send,
  spending,
  timers,
}: PingerOptions): Pinger {
  const slots = createSlots(concurrency);
  const inFlight = new Map<AbortController, string>();

  const post = async (ping: Ping, { held, scope, signal: stopped }: PingTask): Promise<Pinged> => {
    const controller = new AbortController();
    const slow = new AbortController();
    const stop = AbortSignal.any([stopped, controller.signal]);
    const signal = AbortSignal.any([stop, slow.signal]);
    const cancel = timers.after(PING_MS_MAX, () => slow.abort(), true);
    const headers = JSON.parse(held.headers.toString()) as Record<string, string>;
    const request = { path: held.path, headers, text: ping.text, signal };
    inFlight.set(controller, scope);
    const atMs = clock.nowMs();
    try {
      return { result: await sendPing(ping, () => send(request), stop, atMs), atMs };
    } finally {
      cancel();
      inFlight.delete(controller);
    }
  };

  return {
    async ping(task) {
      const body = readBody(task.held, task.ttl);
      if (!body) return { reason: 'unreadable' };
      const ping = makePing(body, catalogue, clock.nowMs());
      if ('refusal' in ping) return { reason: ping.refusal };
      const free = await slots.take();
      try {
        const money = await spending.reserve(ping.worstPicoUsd);
        if (!money) return { reason: 'over_budget' };
        const reason = task.whyNotNow();
        const pinged = reason === null ? await post(ping, task) : { reason };
        money.settle('result' in pinged ? pinged.result.costPicoUsd : 0n);
        return pinged;
      } finally {
        free();
      }
    },
    abort(scope) {
      for (const [controller, whose] of inFlight) if (scope === null || whose === scope) controller.abort();
    },
    get inFlight() {
      return inFlight.size;
    },
  };
}
