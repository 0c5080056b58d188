import { observe, totalInputTokens } from '../core/index.ts';
import type { RequestRecord } from '../ledger/index.ts';
import type { BilledUsage, UsageReading } from '../wire/index.ts';
import type { EngineContext } from './context.ts';
import type { Prepared } from './prepare.ts';

/** Holds the bill against what the model of the cache had said, and tells the model how long what was written lives. */
export function judge({ options }: EngineContext, { forecast }: Prepared, record: RequestRecord): void {
  if (options.integrity.check(record)?.code === 'ttl_downgraded') forecast?.shorten();
}

/** Was the prompt read once? With server tools it is read again after each, and the bill is the sum (spec 5.3). */
function isOnePass({ serverToolUse, iterations }: BilledUsage): boolean {
  return (iterations?.length ?? 0) <= 1 && Object.values(serverToolUse).every((requests) => requests === 0);
}

/** Lets the estimator and the planner learn from the bill. */
export function learn(context: EngineContext, prepared: Prepared, reading: UsageReading): void {
  const { analysis, forecast, ticket, isBelieved, isApplied } = prepared;
  if (!analysis || !reading.usage || !reading.complete || !isOnePass(reading.usage)) return;
  const { planner } = context.options;
  // Less is there than in the planner's own world: that is because of us, and says nothing of the service.
  const isOurs = forecast !== null && forecast.sent.readTokens < forecast.own.readTokens;
  if (ticket && isBelieved && (isApplied || !isOurs)) {
    const told = isOurs ? { ...ticket, testsLayering: false } : ticket;
    planner.billed(told, reading.usage.readTokens / Math.max(1, totalInputTokens(reading.usage)));
  }
  context.calibration = observe(context.calibration, {
    model: analysis.prompt.model.facts.id,
    estimatedTokens: analysis.estimatedTokens,
    billedTokens: totalInputTokens(reading.usage),
  });
}
