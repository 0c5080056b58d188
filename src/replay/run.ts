import type { OpenQuestions } from '../core/index.ts';
import { defaultPolicyNames, findPolicy } from './policies/index.ts';
import { choosePrices, type PriceChoice, type PriceList } from './prices.ts';
import {
  noCacheUsdOf,
  outputUsd,
  summariseBound,
  summariseFamilies,
  summarisePolicy,
  type FamilyResult,
  type LowerBoundResult,
  type PolicyResult,
} from './results.ts';
import type { ReuseHistogram } from './reuse.ts';
import type { PolicyTaskResult, ReplayTask, TaskResult, TaskSetting } from './tasks.ts';
import type { Trace } from './trace/index.ts';
import { runTasks } from './worker-pool.ts';

/** How a trace is replayed. */
export interface ReplayOptions {
  readonly prices: PriceChoice;
  /** Names of policies. @default all but naive keep-alive */
  readonly policies?: readonly string[];
  /** Worker threads; 0 does all in this one. @default 2, or 0 for a small trace */
  readonly workers?: number;
  /** Tokens that a ping costs beyond the prefix that it reads. @default 8 */
  readonly pingOverheadTokens?: number;
  /** How the service keeps entries above shorter ones (spec 15). @default 'self-contained' */
  readonly entriesAre?: OpenQuestions['entriesAre'];
  /** Told now and then which share of the work is done. */
  readonly onProgress?: (share: number) => void;
}

/** Cost so far at equal steps of the trace's time, for a chart. */
export interface CostOverTime {
  /** Ends of the steps, ms from the start of the trace. */
  readonly timesMs: readonly number[];
  readonly policies: readonly { readonly name: string; readonly costUsd: readonly number[] }[];
}

/** What policies would have cost on a trace. */
export interface ReplayResult {
  readonly trace: string;
  readonly requests: number;
  /** Whose prices these are: a model's id, `recorded` for each request's own, or `theory`. */
  readonly model: string;
  /** Input cost without caching, in dollars. */
  readonly noCacheUsd: number;
  /** Cost of the answers, in dollars; the same under every policy, and in no other figure here. */
  readonly outputUsd: number;
  readonly policies: readonly PolicyResult[];
  readonly lowerBound: LowerBoundResult;
  /** Only where the trace has models of several families. */
  readonly families: readonly FamilyResult[];
  readonly reuse: ReuseHistogram;
  readonly costOverTime: CostOverTime;
  readonly badLines: Trace['badLines'];
  /** Sentences on what had to be guessed. */
  readonly notes: readonly string[];
}

/** Below this many requests starting threads takes longer than the work. */
const REQUESTS_FOR_WORKERS = 10_000;
const WORKERS = 2;

/**
 * Replays a trace through policies in virtual time.
 *
 * @throws RangeError for a policy that does not exist, or for none at all.
 * @example
 * const trace = await readTrace(['trace.jsonl.gz']);
 * const { policies } = await replay(trace, { prices: { atMs: Date.now() } });
 */
export async function replay(trace: Trace, options: ReplayOptions): Promise<ReplayResult> {
  const names = options.policies ?? defaultPolicyNames;
  if (names.length === 0) throw new RangeError('there is no policy to run');
  for (const name of names)
    if (findPolicy(name) === null) throw new RangeError(`there is no policy ${JSON.stringify(name)}`);
  const list = choosePrices(trace, options.prices);
  const tasks = listTasks(names);
  const { pingOverheadTokens, entriesAre, onProgress } = options;
  const setting: TaskSetting = {
    trace,
    prices: list.prices,
    ...(pingOverheadTokens !== undefined && { pingOverheadTokens }),
    ...(entriesAre && { entriesAre }),
  };
  const { count } = trace.requests;
  const workers = options.workers ?? (count < REQUESTS_FOR_WORKERS ? 0 : WORKERS);
  const results = await runTasks(tasks, setting, workers, (done) =>
    onProgress?.(count === 0 ? 1 : done / (count * tasks.length)),
  );
  return summarise(trace, list, names, results);
}

/** What takes longest comes first, so that no worker begins it when the others are done. */
function listTasks(names: readonly string[]): readonly ReplayTask[] {
  const policies = names.map((name) => ({ kind: 'policy' as const, name }));
  const isSlow = ({ name }: { readonly name: string }): boolean => findPolicy(name)?.isClairvoyant ?? false;
  return [
    { kind: 'bound' },
    ...policies.filter(isSlow),
    { kind: 'reuse' },
    ...policies.filter((task) => !isSlow(task)),
  ];
}

function summarise(
  trace: Trace,
  list: PriceList,
  names: readonly string[],
  results: readonly TaskResult[],
): ReplayResult {
  const runs = results
    .flatMap((result) => (result.kind === 'policy' ? [result] : []))
    .toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  const reuse = results.find((result) => result.kind === 'reuse')?.reuse;
  const bounds = results.find((result) => result.kind === 'bound')?.bounds;
  if (reuse === undefined || bounds === undefined) throw new Error('a pass over the trace gave no result');
  const tallies = runs[0]?.simulation.tallies ?? [];
  const { prices, model, notes } = list;
  const noCacheUsd = noCacheUsdOf(tallies, prices);
  return {
    trace: trace.name,
    requests: trace.requests.count,
    model,
    noCacheUsd,
    outputUsd: outputUsd(tallies, prices),
    policies: runs.map(({ name, simulation }) => summarisePolicy(name, simulation.tallies, prices)),
    lowerBound: summariseBound(bounds, noCacheUsd, prices),
    families: summariseFamilies(runs, bounds, trace.models, prices),
    reuse,
    costOverTime: costOverTime(trace, runs),
    badLines: trace.badLines,
    notes,
  };
}

function costOverTime({ requests }: Trace, runs: readonly PolicyTaskResult[]): CostOverTime {
  const endMs = requests.startMs[requests.count - 1] ?? 0;
  const steps = runs[0]?.simulation.costCurveUsd.length ?? 0;
  return {
    timesMs: Array.from({ length: steps }, (_, step) => (endMs * (step + 1)) / steps),
    policies: runs.map(({ name, simulation }) => ({ name, costUsd: simulation.costCurveUsd })),
  };
}
