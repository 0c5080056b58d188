import { noTokens } from '../core/index.ts';
import { readUsage, type BilledUsage } from '../wire/index.ts';
import type { History, LoggedCall } from './logged-call.ts';
import { readUsageForm, type UsageFormCall } from './usage-form.ts';

/** Usage without tiers, tools or iterations: what is not told is standard. */
const PLAIN_USAGE: BilledUsage = readUsage({}) ?? {
  ...noTokens,
  serviceTier: null,
  speed: null,
  inferenceGeo: null,
  serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
  iterations: null,
};

function historyOf(call: UsageFormCall): History {
  if (call.flags.some((flag) => flag === 'compact_boundary' || flag === 'compact_summary')) {
    return 'compacted';
  }
  if (call.flags.includes('lost_parent')) return 'unknown';
  if (call.flags.includes('microcompact_boundary')) return 'edited';
  if (call.previousIndex !== null) return 'extends';
  return call.index === 0 ? 'start' : 'unknown';
}

/**
 * A usage-form line as a call; null when it is none. Its times count from midnight UTC of a day that the file does not
 * name: `dayMs` stands for it.
 */
export function usageFormCall(value: unknown, path: string, dayMs: number): LoggedCall | null {
  const call = readUsageForm(value);
  if (!call) return null;
  const conversation = `${path}\n${call.session}\n${call.agent ?? ''}`;
  const readyMs = dayMs + call.firstS * 1000;
  return {
    format: 'usage-form',
    key: `${conversation}\n${call.index}`,
    conversation,
    atMs: call.requestS === null ? readyMs : dayMs + call.requestS * 1000,
    readyMs,
    isDated: false,
    model: call.model,
    usage: { ...PLAIN_USAGE, ...call.usage },
    history: historyOf(call),
    extendsKey: call.previousIndex === null ? null : `${conversation}\n${call.previousIndex}`,
    clientVersion: call.clientVersion,
    evidence: null,
    prompt: null,
    recorded: null,
  };
}
