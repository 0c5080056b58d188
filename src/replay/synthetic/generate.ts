import { seededRandom } from '../../runtime/index.ts';
import { TraceBuilder, type Trace } from '../trace/index.ts';
import { agents, chats, rag } from './conversations.ts';
import { large } from './large.ts';
import { cadenceWorkload, fanOut, officeBursts, poissonWorkload, zipfTenants } from './single-questions.ts';
import type { Workload, WorkloadParams } from './workload.ts';

/** Requests an hour, and hours: enough of the rare, not too many of the frequent. */
const POISSON_RATES = [
  [1, 400],
  [3, 200],
  [6, 200],
  [20, 200],
  [120, 50],
] as const;

/** Minutes between two requests, and hours. */
const CADENCES = [
  [4, 200],
  [20, 200],
  [90, 400],
] as const;

/** Every made workload by name. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map([
  ...POISSON_RATES.map(([rate, hours]) => [`poisson-${rate}`, poissonWorkload(rate, hours)] as const),
  ...CADENCES.map(
    ([minutes, hours]) => [`cadence-${minutes}min`, cadenceWorkload(60 * minutes, hours)] as const,
  ),
  ['zipf-tenants', zipfTenants],
  ['chats', chats],
  ['agents', agents],
  ['rag', rag],
  ['office-bursts', officeBursts],
  ['fan-out', fanOut],
  ['large', large],
]);

/** A workload, or a parameter of one, that does not exist or cannot be: the message is for people. */
export class WorkloadError extends Error {
  override readonly name = 'WorkloadError';
}

const SCHEME = 'synthetic:';

/** Whether a text names a made workload rather than a file. */
export function isWorkloadName(text: string): boolean {
  return text.startsWith(SCHEME);
}

function findWorkload(name: string): Workload {
  const workload = WORKLOADS.get(name);
  if (workload) return workload;
  throw new WorkloadError(`no workload is named '${name}'; there are ${[...WORKLOADS.keys()].join(', ')}`);
}

/** Parameters that count something. */
const COUNTS = new Set([
  'requests',
  'prefixes',
  'branching',
  'tenants',
  'documents',
  'retrieved',
  'width',
  'days',
  'leastTurns',
  'mostTurns',
]);

/** Parameters that may be 0. */
const MAY_BE_ZERO = new Set([
  'seed',
  'alpha',
  'sigma',
  'jitter',
  'approval',
  'suffix',
  'leastTail',
  'mostTail',
]);

/** More of anything would not fit into the columns of a trace. */
const COUNT_MAX = 100_000_000;

function isPossible(param: string, value: number): boolean {
  if (COUNTS.has(param)) return Number.isInteger(value) && value > 0 && value <= COUNT_MAX;
  return Number.isFinite(value) && (value > 0 || (value === 0 && MAY_BE_ZERO.has(param)));
}

/** What cannot be for two parameters together. */
const ORDERED_PARAMS = [
  ['retrieved', 'documents'],
  ['leastTurns', 'mostTurns'],
  ['leastTail', 'mostTail'],
] as const;

function checkParams(name: string, defaults: WorkloadParams, params: WorkloadParams): void {
  for (const [param, value] of Object.entries(params)) {
    if (!Object.hasOwn(defaults, param)) {
      const known = Object.keys(defaults).join(', ');
      throw new WorkloadError(`${name} has no parameter '${param}'; it has ${known}`);
    }
    if (!isPossible(param, value)) throw new WorkloadError(`'${param}' of ${name} cannot be ${value}`);
  }
  const all = { ...defaults, ...params };
  for (const [less, more] of ORDERED_PARAMS) {
    if ((all[less] ?? 0) <= (all[more] ?? 0)) continue;
    throw new WorkloadError(`'${less}' of ${name} cannot be above '${more}'`);
  }
}

/**
 * Makes the requests of a named workload. Parameters that are not given are those of the workload; the same seed gives
 * the same trace for ever.
 *
 * @throws WorkloadError for a name or a parameter that does not exist, or a value that cannot be.
 * @example generateWorkload('poisson-6', { seed: 2, hours: 50 })
 */
export function generateWorkload(name: string, params: WorkloadParams = {}): Trace {
  const workload = findWorkload(name);
  const { defaults } = workload;
  checkParams(name, defaults, params);
  const all = { ...defaults, ...params };
  const builder = new TraceBuilder(all['requests']);
  workload.fill({ builder, random: seededRandom(all['seed'] ?? 1), root: builder.root('') }, all);
  const query = Object.entries(params).map(([param, value]) => `${param}=${value}`);
  return builder.finish({
    name: `${SCHEME}${name}${query.length > 0 ? '?' : ''}${query.join('&')}`,
    format: 'synthetic',
    hasLookbackLimit: true,
  });
}

/**
 * Makes a workload from its name as it is written on a command line.
 *
 * @throws WorkloadError as `generateWorkload` does, and for a value that is no number.
 * @example generateNamed('synthetic:chats?seed=7&hours=48')
 */
export function generateNamed(text: string): Trace {
  const [name = '', query = ''] = text.slice(SCHEME.length).split('?', 2);
  const params: Record<string, number> = {};
  for (const [param, value] of new URLSearchParams(query)) {
    params[param] = value.trim() === '' ? Number.NaN : Number(value);
  }
  return generateWorkload(name, params);
}
