import type { PicoUsd, TokenCounts } from '../core/index.ts';

/** A request that nobody had asked for, and that we sent ourselves. */
export interface OwnCost {
  readonly id: string;
  /** When it was sent, ms since 1970 UTC. */
  readonly atMs: number;
  /** Pseudonym of whose cache, and whose money, it is about. */
  readonly scope: string;
  readonly model: string;
  readonly purpose: 'keep-alive' | 'pre-warm';
  /** Status of the answer; 0 when none came. */
  readonly status: number;
  /** What was billed; zeros where nobody knows. */
  readonly tokens: TokenCounts;
  /** The bill; where nobody knows whether it was billed, the most that it can have cost. */
  readonly costPicoUsd: PicoUsd;
}
