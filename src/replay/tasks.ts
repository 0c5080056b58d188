import type { OpenQuestions } from '../core/index.ts';
import { lowerBounds, type LowerBounds } from './bounds/lower-bounds.ts';
import { findPolicy } from './policies/index.ts';
import type { SimulationPrices } from './prices.ts';
import { measureReuse, type ReuseHistogram } from './reuse.ts';
import { simulate, type SimulationResult } from './simulate/simulate.ts';
import type { Trace } from './trace/index.ts';

/** One pass over a trace, to be done in one thread. */
export type ReplayTask =
  | { readonly kind: 'policy'; readonly name: string }
  | { readonly kind: 'bound' }
  | { readonly kind: 'reuse' };

/** What one policy made of the trace. */
export interface PolicyTaskResult {
  readonly kind: 'policy';
  readonly name: string;
  readonly simulation: SimulationResult;
}

/** What a pass gives. */
export type TaskResult =
  | PolicyTaskResult
  | { readonly kind: 'bound'; readonly bounds: LowerBounds }
  | { readonly kind: 'reuse'; readonly reuse: ReuseHistogram };

/** What all passes over one trace share. */
export interface TaskSetting {
  readonly trace: Trace;
  /** By the trace's model numbers. */
  readonly prices: readonly SimulationPrices[];
  readonly pingOverheadTokens?: number;
  readonly entriesAre?: OpenQuestions['entriesAre'];
}

/** Does one pass; `onProgress` is told the number of requests done. */
export function executeTask(
  task: ReplayTask,
  setting: TaskSetting,
  onProgress: (doneRequests: number) => void,
): TaskResult {
  const { trace, ...options } = setting;
  switch (task.kind) {
    case 'reuse':
      return { kind: 'reuse', reuse: measureReuse(trace, onProgress) };
    case 'bound': {
      const bounds = lowerBounds(trace, setting.prices);
      onProgress(trace.requests.count);
      return { kind: 'bound', bounds };
    }
    case 'policy': {
      const policy = findPolicy(task.name);
      if (policy === null) throw new RangeError(`there is no policy ${JSON.stringify(task.name)}`);
      return {
        kind: 'policy',
        name: task.name,
        simulation: simulate(trace, policy, { ...options, onProgress }),
      };
    }
  }
}
