import type { Random } from '../../runtime/index.ts';
import type { TraceBuilder } from '../trace/index.ts';
import { exponential, logNormal } from './distributions.ts';

/** Numbers that shape a workload, by name; every workload has `seed`. */
export type WorkloadParams = Readonly<Record<string, number>>;

/** A kind of made traffic. */
export interface Workload<Params extends WorkloadParams = WorkloadParams> {
  /** One sentence for people. */
  readonly summary: string;
  readonly defaults: Params;
  /** Adds the requests, in any order; all of them may start with the same root. */
  fill(target: Filling, params: Params): void;
}

/** Where a workload puts its requests, and where it gets its chance from. */
export interface Filling {
  readonly builder: TraceBuilder;
  readonly random: Random;
  readonly root: number;
}

export const SECOND_MS = 1000;
export const MINUTE_MS: number = 60 * SECOND_MS;
export const HOUR_MS: number = 60 * MINUTE_MS;
export const DAY_MS: number = 24 * HOUR_MS;

/** Ties the type of the defaults to that of the parameters. */
export function defineWorkload<Params extends WorkloadParams>(workload: Workload<Params>): Workload {
  return workload;
}

/** Time to first token of a prompt: longer for more tokens, never above 20 s. */
export function drawTimeToFirstTokenMs(random: Random, tokens: number): number {
  return Math.min(20_000, 600 + tokens / 60 + SECOND_MS * logNormal(random, Math.exp(-0.7), 0.5));
}

/** Start times of a Poisson process up to `endMs`. */
export function* poissonTimes(random: Random, perHour: number, endMs: number): IterableIterator<number> {
  let atMs = 0;
  for (;;) {
    atMs += exponential(random, HOUR_MS / perHour);
    if (atMs > endMs) return;
    yield atMs;
  }
}
