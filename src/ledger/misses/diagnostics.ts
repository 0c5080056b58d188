import { isObject } from '../../core/index.ts';
import type { Miss, MissReason, RecordedDiagnostics } from '../record.ts';

/** Longest reason that is kept of an answer. */
const REASON_LENGTH_MAX = 64;

/** The reasons of ours that go with each of the service's (spec 10.1); others say nothing that could be contradicted. */
const AGREES: Readonly<Record<string, readonly MissReason[]>> = {
  // `speed` counts as a model there.
  model_changed: ['model_changed', 'parameters_changed'],
  system_changed: ['system_changed', 'parameters_changed'],
  // Web search and web fetch are tools there, and part of the system prompt in the cache (spec 14.7).
  tools_changed: ['tools_changed', 'parameters_changed'],
  messages_changed: ['messages_changed'],
};

const CHANGES: ReadonlySet<MissReason> = new Set<MissReason>([
  'model_changed',
  'tools_changed',
  'system_changed',
  'messages_changed',
]);

/** Does what the service says contradict what we concluded? It compares with the request that it was told, and only what they say. */
function contradicts(reason: string | null, misses: readonly Miss[], isSameEarlier: boolean): boolean {
  if (!isSameEarlier) return false;
  const [changed] = misses.filter((miss) => CHANGES.has(miss.reason) || miss.reason === 'parameters_changed');
  if (reason === null) return changed !== undefined && CHANGES.has(changed.reason);
  const agreeing = AGREES[reason];
  if (!agreeing) return false;
  return changed === undefined ? misses.length > 0 : !agreeing.includes(changed.reason);
}

/**
 * Reads the `diagnostics` of an answer to a request that asked for them (spec 10.1); null where it did not, or named no
 * earlier message.
 */
export function readDiagnostics(
  answer: unknown,
  asked: { readonly previousMessageId: string | null; readonly isSameEarlier: boolean },
  misses: readonly Miss[],
): RecordedDiagnostics | null {
  const { previousMessageId, isSameEarlier } = asked;
  if (previousMessageId === null) return null;
  if (!isObject(answer)) {
    return {
      reason: null,
      missedTokens: null,
      isPending: false,
      isDisputed: contradicts(null, misses, isSameEarlier),
    };
  }
  const found = answer['cache_miss_reason'];
  if (!isObject(found)) return { reason: null, missedTokens: null, isPending: true, isDisputed: false };
  const type = typeof found['type'] === 'string' ? found['type'].slice(0, REASON_LENGTH_MAX) : 'unknown';
  const tokens = found['cache_missed_input_tokens'];
  return {
    reason: type,
    missedTokens: typeof tokens === 'number' && Number.isSafeInteger(tokens) ? tokens : null,
    isPending: false,
    isDisputed: contradicts(type, misses, isSameEarlier),
  };
}
