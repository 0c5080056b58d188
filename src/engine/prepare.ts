import type { PlanSummary } from '../ledger/index.ts';
import { asSent, type PlanTicket } from '../planner/index.ts';
import { spliceMarkers } from '../wire/index.ts';
import { planRequest, readRequest, type Analysis, type ReadRequest, type Skipped } from './analysis.ts';
import { areSame, type Forecast } from './cache-model.ts';
import type { EngineContext } from './context.ts';
import { holdWithinMeans } from './guard-costs.ts';
import type { Mode } from './options.ts';
import type { IncomingMessageRequest } from './request-facts.ts';

/** A request that has been read and planned, and what goes out for it. */
export interface Prepared {
  readonly bytes: Buffer;
  readonly analysis: Analysis | null;
  readonly forecast: Forecast | null;
  /** What the planner believes to be written: by its own plan, or where that was refused, by what was sent. */
  readonly ticket: PlanTicket | null;
  /** Was what the planner believes in also what was sent? Only then has the bill something to say to it. */
  readonly isBelieved: boolean;
  readonly skipReason: string | null;
  readonly isApplied: boolean;
}

/** Reads a request; where that fails, it is skipped. */
export function readIncoming(
  context: EngineContext,
  request: IncomingMessageRequest,
  scope: string,
  mode: Mode,
): ReadRequest | Skipped {
  if (mode === 'off') return { skipReason: 'mode_off' };
  try {
    return readRequest(request, scope, context);
  } catch {
    context.counters.failedAnalyses += 1;
    return ANALYSIS_FAILED;
  }
}

const ANALYSIS_FAILED: Skipped = { skipReason: 'analysis_failed' };

/** Stands for a request whose answer is over. */
export const ANSWERED: IncomingMessageRequest = { path: '', headers: {}, body: Buffer.alloc(0) };

/** What goes out for a body that is left as it came. */
export function leaveUntouched({ body: bytes }: IncomingMessageRequest, skipReason: string): Prepared {
  const nothing = { analysis: null, forecast: null, ticket: null, isBelieved: false, isApplied: false };
  return { bytes, skipReason, ...nothing };
}

/** Plans and marks a request that goes out now; whatever of it fails, the original bytes go out. */
export function prepare(
  context: EngineContext,
  request: IncomingMessageRequest,
  read: ReadRequest,
  { scope, mode, atMs }: { readonly scope: string; readonly mode: Mode; readonly atMs: number },
): Prepared {
  try {
    const planned = planRequest(read, atMs, context);
    const found = mode === 'optimize' ? holdWithinMeans(planned, context, atMs) : planned;
    const isRefused = isKnownRefusal(context, scope, found);
    const isApplied = mode === 'optimize' && !isRefused;
    const bytes = isApplied ? plannedBytes(found, request) : request.body;
    const breakpoints = isApplied ? found.plan.breakpoints : found.clientPrompt.breakpoints;
    const forecast = context.cacheModel.forecast(found, breakpoints, atMs);
    // The planner goes by its own world, whichever is followed: so it is known what that would have cost.
    const believed = isRefused ? breakpoints : found.ownPlan.breakpoints;
    const ticket = context.options.planner.sent(found.learned, asSent(believed));
    const isBelieved = areSame(believed, breakpoints);
    return { bytes, analysis: found, forecast, ticket, isBelieved, skipReason: null, isApplied };
  } catch {
    context.counters.failedAnalyses += 1;
    return leaveUntouched(request, ANALYSIS_FAILED.skipReason);
  }
}

/** To follow a client whose markers are overridden is to send what it sent. */
function plannedBytes({ world, bytes, map, plan }: Analysis, request: IncomingMessageRequest): Buffer {
  return world === 'client' ? request.body : spliceMarkers(bytes, map, plan.added).bytes;
}

/** Does what goes out have markers of ours? */
export function addsMarkers({ analysis, isApplied }: Prepared): boolean {
  return isApplied && analysis !== null && analysis.plan.added.length > 0;
}

/** Kinds of the blocks that get a marker. */
export function addedTypes(analysis: Analysis): readonly string[] {
  return analysis.plan.added.map(({ blockIndex }) => analysis.prompt.blocks[blockIndex]?.type ?? '');
}

function isKnownRefusal(context: EngineContext, scope: string, analysis: Analysis): boolean {
  const { plan, prompt } = analysis;
  return context.refusedPlans.has(scope, prompt.model.facts.id, plan, addedTypes(analysis));
}

/** The plan as the record has it; null for a body that was not read. */
export function summarisePlan({ analysis, isApplied }: Prepared): PlanSummary | null {
  if (!analysis) return null;
  const added = analysis.plan.added.map(({ place, path, ttl, reason }) => ({
    place,
    path: path.join('.'),
    ttl,
    reason,
  }));
  return { added, declined: analysis.plan.declined, isApplied };
}
