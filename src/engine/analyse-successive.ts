import { createBodyReader } from '../wire/index.ts';
import { asSent, type TrafficFinding } from '../planner/index.ts';
import { analyse, type Analysis, type AnalysisContext, type Skipped } from './analysis.ts';
import { createCacheModel } from './cache-model.ts';
import { createEstimateMemory } from './estimates.ts';
import { createFindingsWatch } from './findings.ts';
import { engineOptions, type EngineOptions } from './options.ts';
import { createPromptMemory } from './prompt-memory.ts';

/** What several requests, one after the other, come to. */
export interface SuccessiveAnalysis {
  /** Of each request, planned with what the ones before it have taught. */
  readonly analyses: readonly (Analysis | Skipped)[];
  /** What keeps them from reading each other's prefixes. */
  readonly findings: readonly TrafficFinding[];
}

/** Between two requests, in ms: nothing expires. */
const APART_MS = 1000;

/**
 * Reads and plans requests as if they were sent one after the other, a second apart, each with its plan; sends nothing.
 *
 * @example analyseSuccessive([first, second]).findings // [{ code: 'volatile-text', path: 'system.0.text', ... }]
 */
export function analyseSuccessive(
  bodies: readonly Buffer[],
  options: Partial<EngineOptions> = {},
): SuccessiveAnalysis {
  const resolved = engineOptions(options);
  const context: AnalysisContext = {
    options: resolved,
    calibration: {},
    estimates: createEstimateMemory(),
    reader: createBodyReader(),
    memory: createPromptMemory(),
  };
  const cacheModel = createCacheModel(resolved.rules);
  const watch = createFindingsWatch(resolved.rules, { seenMin: 1 });
  const startMs = resolved.clock.nowMs();
  const analyses = bodies.map((body, index) => {
    const atMs = startMs + index * APART_MS;
    const found = analyse({ path: '/v1/messages', headers: {}, body }, '', atMs, context);
    if ('skipReason' in found) return found;
    const { breakpoints } = found.plan;
    const forecast = cacheModel.forecast(found, breakpoints, atMs);
    watch.observe('', found, forecast, atMs);
    resolved.planner.begin(resolved.planner.sent(found.learned, asSent(breakpoints)), atMs);
    forecast.begin(atMs);
    return found;
  });
  return { analyses, findings: watch.list() };
}
