import type { PicoUsd } from '../../core/index.ts';

/** How a bill differs from what the model of the cache says. */
export type IntegrityCode =
  /** Less was read than should have been there. */
  | 'read_less'
  /** More was read than we know of. */
  | 'read_more'
  /** What should have been written was neither written nor read. */
  | 'not_written'
  /** Written for five minutes where an hour was asked for. */
  | 'ttl_downgraded'
  /** Token estimates of a model no longer fit its bills. */
  | 'estimate_drift';

/** What explains a difference; `unexplained` is what somebody should look at. */
export type IntegrityCause =
  /** The entry was about to expire when the request was sent. */
  | 'near_expiry'
  /** Another program wrote it, or it outlived its TTL. */
  | 'other_writer'
  /** The prefix is so near to the minimum that an estimate may err about it. */
  | 'near_minimum'
  | 'unexplained';

/** One difference. Holds no text of a prompt. */
export interface IntegrityFinding {
  readonly code: IntegrityCode;
  readonly cause: IntegrityCause;
  /** Record of the request that showed it. */
  readonly requestId: string;
  readonly atMs: number;
  readonly scope: string;
  readonly model: string;
  /** Predicted, in billed tokens; for `estimate_drift` estimated. */
  readonly expectedTokens: number;
  readonly billedTokens: number;
  /** What the request paid for prefixes that it did not read. */
  readonly costPicoUsd: PicoUsd;
  /** For people. */
  readonly sentence: string;
}

/** Is it something that somebody should look at? */
export function isAlarming({ cause }: Pick<IntegrityFinding, 'cause'>): boolean {
  return cause === 'unexplained';
}
