import { exponential, uniformInteger, ZipfRanks } from './distributions.ts';
import {
  DAY_MS,
  defineWorkload,
  drawTimeToFirstTokenMs,
  HOUR_MS,
  poissonTimes,
  SECOND_MS,
  type Filling,
  type Workload,
} from './workload.ts';

/** One question below a shared system prompt, answered and over: each is its own conversation. */
class Questions {
  readonly #target: Filling;
  #asked = 0;

  constructor(target: Filling) {
    this.#target = target;
  }

  ask(question: {
    readonly startMs: number;
    readonly systemEnd: number;
    readonly toolsEnd?: number;
    readonly tokens: number;
    readonly application?: number;
  }): void {
    const { builder, random } = this.#target;
    const { systemEnd, tokens, ...row } = question;
    builder.add({
      ...row,
      systemEnd,
      timeToFirstTokenMs: drawTimeToFirstTokenMs(random, builder.cumulativeTokens(systemEnd)),
      prefixId: builder.intern(systemEnd, this.#asked, tokens),
      conversation: this.#asked,
      stop: 'end_turn',
    });
    this.#asked += 1;
  }
}

/** Key of the block that ends a shared layer; questions below it count up from 0 and have another parent. */
const SHARED_KEY = 0;

/** One system prompt, requests at random. */
export function poissonWorkload(ratePerHour: number, hoursLong: number): Workload {
  return defineWorkload({
    summary: `Poisson arrivals on one system prompt, ${ratePerHour} an hour`,
    defaults: { seed: 1, rate: ratePerHour, hours: hoursLong, prefix: 10_000, suffix: 200 },
    fill(target, { rate, hours, prefix, suffix }) {
      const { builder, random, root } = target;
      const questions = new Questions(target);
      const systemEnd = builder.intern(root, SHARED_KEY, prefix);
      for (const startMs of poissonTimes(random, rate, hours * HOUR_MS)) {
        questions.ask({ startMs, systemEnd, tokens: suffix });
      }
    },
  });
}

/** One system prompt, requests by the clock, each a little off. */
export function cadenceWorkload(periodSeconds: number, hoursLong: number): Workload {
  return defineWorkload({
    summary: `a job on one system prompt every ${periodSeconds / 60} minutes`,
    defaults: { seed: 1, period: periodSeconds, hours: hoursLong, prefix: 10_000, suffix: 200, jitter: 0.05 },
    fill(target, { period, hours, prefix, suffix, jitter }) {
      const { builder, random, root } = target;
      const questions = new Questions(target);
      const systemEnd = builder.intern(root, SHARED_KEY, prefix);
      for (let at = 0; at < hours * 3600; at += period) {
        const shift = (2 * random() - 1) * jitter * period;
        questions.ask({ startMs: Math.max(0, at + shift) * SECOND_MS, systemEnd, tokens: suffix });
      }
    },
  });
}

export const zipfTenants: Workload = defineWorkload({
  summary: 'tenants of unequal traffic: shared tools, a system prompt each',
  defaults: {
    seed: 2,
    tenants: 200,
    rate: 600,
    hours: 12,
    alpha: 1.1,
    tools: 3000,
    system: 6000,
    suffix: 300,
  },
  fill(target, { tenants, rate, hours, alpha, tools, system, suffix }) {
    const { builder, random, root } = target;
    const questions = new Questions(target);
    const ranks = new ZipfRanks(tenants, alpha);
    const toolsEnd = builder.intern(root, SHARED_KEY, tools);
    for (let tenant = 0; tenant < tenants; tenant += 1) {
      const systemEnd = builder.intern(toolsEnd, tenant, system);
      for (const startMs of poissonTimes(random, rate * ranks.share(tenant), hours * HOUR_MS)) {
        questions.ask({ startMs, systemEnd, toolsEnd, tokens: suffix });
      }
    }
  },
});

export const officeBursts: Workload = defineWorkload({
  summary: 'tenants with two to five bursts of requests on a working day, and quiet nights',
  defaults: { seed: 6, days: 10, tenants: 12, system: 20_000 },
  fill(target, { days, tenants, system }) {
    const { builder, random, root } = target;
    const questions = new Questions(target);
    for (let tenant = 0; tenant < tenants; tenant += 1) {
      const systemEnd = builder.intern(root, tenant, system);
      for (let day = 0; day < days; day += 1) {
        for (let bursts = uniformInteger(random, 2, 5); bursts > 0; bursts -= 1) {
          let startMs = day * DAY_MS + (9 + random() * 8) * HOUR_MS;
          for (let left = uniformInteger(random, 1, 12); left > 0; left -= 1) {
            const tokens = uniformInteger(random, 50, 500);
            questions.ask({ startMs, systemEnd, tokens, application: tenant });
            startMs += exponential(random, 20 * SECOND_MS);
          }
        }
      }
    }
  },
});

export const fanOut: Workload = defineWorkload({
  summary: 'jobs that send many requests on one prefix at once',
  defaults: { seed: 7, rate: 4, hours: 24, width: 12, system: 20_000 },
  fill(target, { rate, hours, width, system }) {
    const { builder, random, root } = target;
    const questions = new Questions(target);
    const systemEnd = builder.intern(root, SHARED_KEY, system);
    for (const jobMs of poissonTimes(random, rate, hours * HOUR_MS)) {
      for (let sibling = 0; sibling < width; sibling += 1) {
        const tokens = uniformInteger(random, 100, 600);
        questions.ask({ startMs: jobMs + sibling * 50, systemEnd, tokens });
      }
    }
  },
});
