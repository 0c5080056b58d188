import type { Ttl } from '../core/index.ts';
import type { UsageFormCall } from '../logs/index.ts';

/** Calls with one key form one conversation: a session's main one or one sub-agent's. */
export function conversationKey(call: UsageFormCall): string {
  return `${call.session}/${call.agent ?? ''}`;
}

/** Where the cached part of a call ends, in tokens: all that it read and wrote. */
export function endTokens(call: UsageFormCall): number {
  return call.usage.readTokens + call.usage.write5mTokens + call.usage.write1hTokens;
}

/** When a call was sent, in ms: the last event before it, else its answer's first event. */
export function sentMs(call: UsageFormCall): number {
  return (call.requestS ?? call.firstS) * 1000;
}

/** From the first event of one call's answer until another was sent, in ms. */
export function gapMs(before: UsageFormCall, call: UsageFormCall): number {
  return sentMs(call) - before.firstS * 1000;
}

/** The TTL of the end that a call wrote, which is 5m where it wrote with both (spec 4.5); null where it wrote nothing. */
export function writtenTtl(call: UsageFormCall): Ttl | null {
  if (call.usage.write5mTokens > 0) return '5m';
  return call.usage.write1hTokens > 0 ? '1h' : null;
}

/** Up to where a call wrote for 1h, in tokens; null unless it wrote 5m tokens on top (spec 4.5). */
export function longLivedTokens(call: UsageFormCall): number | null {
  const { readTokens, write5mTokens, write1hTokens } = call.usage;
  return write5mTokens > 0 && write1hTokens > 0 ? readTokens + write1hTokens : null;
}

/**
 * Did a call begin with a history that none before it has: compacted, or following no known call although it is not
 * the first? A lost parent is none of these: there only the log has a gap.
 */
export function dropsHistory(call: UsageFormCall): boolean {
  if (call.flags.some((flag) => flag.includes('compact'))) return true;
  return call.previousIndex === null && !call.flags.includes('lost_parent');
}
