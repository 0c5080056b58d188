import type { KeyObject } from 'node:crypto';

import type { Calibration } from '../core/index.ts';
import type { Gate } from '../warming/index.ts';
import type { CacheModel } from './cache-model.ts';
import type { AnalysisContext } from './analysis.ts';
import type { FindingsWatch } from './findings.ts';
import type { MissWatch } from './misses.ts';
import type { EngineKeepAlive } from './keep-alive.ts';
import type { RefusedPlans } from './refused-plans.ts';

/** What all requests of one engine share. */
export interface EngineContext extends AnalysisContext {
  readonly cacheModel: CacheModel;
  readonly refusedPlans: RefusedPlans;
  readonly findings: FindingsWatch;
  readonly misses: MissWatch;
  /** Our question for diagnostics: once the service refuses it, it is not asked again. */
  readonly question: { isRefused: boolean };
  readonly gate: Gate;
  readonly keepAlive: EngineKeepAlive;
  readonly counters: EngineCounters;
  /** `options.secret`, prepared once: preparing it takes longer than using it. */
  readonly scopeKey: KeyObject;
  calibration: Calibration;
}

/** What went wrong with our own part; users' requests went through all the same. */
export interface EngineCounters {
  /** Requests whose analysis failed: sent on as they came. */
  failedAnalyses: number;
  /** Answers that could not be accounted for. */
  failedAccounts: number;
  /** Plans that the service refused, after which the original was sent. */
  refusedPlans: number;
}
