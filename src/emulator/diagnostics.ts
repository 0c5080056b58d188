import {
  chainPrefixes,
  isHashed,
  isObject,
  stringMember,
  type Block,
  type JsonObject,
  type Level,
  type PrefixChain,
  type Prompt,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';

/** What is remembered of a request that asked for diagnostics, to compare the next one with (spec 10.1). */
interface Fingerprint {
  readonly workspace: string;
  readonly atMs: number;
  readonly modelKey: string;
  readonly settings: string;
  readonly prefixes: PrefixChain;
  readonly levels: readonly Level[];
}

/** Compares requests that carry `diagnostics.previous_message_id` with the one that it names. */
export interface DiagnosticsService {
  /** Value of the answer's `diagnostics`; remembers the request under `messageId` when it asked for it. */
  diagnose(request: DiagnosedRequest): unknown;
  reset(): void;
}

interface DiagnosedRequest {
  readonly messageId: string;
  readonly body: JsonObject;
  readonly prompt: Prompt;
  readonly workspace: string;
  /** Values of `anthropic-beta`. */
  readonly betas: readonly string[];
  readonly atMs: number;
  readonly countTokens: (block: Block) => number;
}

/** Fingerprints kept; the oldest go first. */
const FINGERPRINTS_MAX = 10_000;

/** Beta values that no longer do anything, so that having them or not is no difference (spec 2.5). */
const SPENT_BETAS: ReadonlySet<string> = new Set([
  'prompt-caching-2024-07-31',
  'extended-cache-ttl-2025-04-11',
  'cache-diagnosis-2026-04-07',
]);

/** The block as if its content stood where it stands. */
function withContent(block: Block, content: string): Block {
  const { level, path, type, role, value, isString, canCarryMarker, isDocumentedCarrier, label } = block;
  const own = { level, path, type, role, value, isString, canCarryMarker, isDocumentedCarrier, label };
  return { ...own, content, plain: null, link: null, sized: null };
}

/** Blocks alone, whatever the settings, and every tool as the client wrote it: what can be told apart by level. */
function barePrompt(prompt: Prompt): Prompt {
  const blocks = prompt.blocks.map((block) =>
    isHashed(block) ? block : withContent(block, JSON.stringify(block.value)),
  );
  return { ...prompt, blocks, mixes: { root: '', system: '', messages: '' } };
}

function fingerprintOf(request: DiagnosedRequest): Fingerprint {
  const { prompt, body } = request;
  const betas = request.betas.filter((beta) => !SPENT_BETAS.has(beta)).toSorted();
  return {
    workspace: request.workspace,
    atMs: request.atMs,
    modelKey: `${prompt.model.facts.id}/${stringMember(body, 'speed') ?? 'standard'}`,
    settings: JSON.stringify([prompt.mixes, [...new Set(betas)]]),
    prefixes: chainPrefixes(barePrompt(prompt), {
      partition: '',
      hash: sha256Text,
      countTokens: request.countTokens,
    }),
    levels: prompt.blocks.map((block) => block.level),
  };
}

function compare(earlier: Fingerprint, later: Fingerprint): unknown {
  const { prefixIds, cumulativeTokens } = earlier.prefixes;
  const total = cumulativeTokens.at(-1) ?? 0;
  if (earlier.modelKey !== later.modelKey) return { type: 'model_changed', cache_missed_input_tokens: total };
  const shared = prefixIds.findIndex((id, index) => id !== later.prefixes.prefixIds[index]);
  const levelBefore = earlier.levels[shared];
  const levelAfter = later.levels[shared];
  if (shared >= 0 && levelBefore && levelAfter) {
    const level = [levelBefore, levelAfter].includes('tools')
      ? 'tools'
      : [levelBefore, levelAfter].includes('system')
        ? 'system'
        : 'messages';
    const missed = total - (cumulativeTokens[shared - 1] ?? 0);
    return { type: `${level}_changed`, cache_missed_input_tokens: missed };
  }
  return earlier.settings === later.settings ? null : { type: 'unavailable' };
}

export function createDiagnostics(lifetimeMs: number): DiagnosticsService {
  const known = new Map<string, Fingerprint>();
  const find = (id: string, workspace: string, nowMs: number): Fingerprint | null => {
    const found = known.get(id);
    return found && found.workspace === workspace && nowMs < found.atMs + lifetimeMs ? found : null;
  };
  return {
    diagnose(request) {
      const asked = request.body['diagnostics'];
      if (!isObject(asked)) return null;
      const own = fingerprintOf(request);
      const previousId = asked['previous_message_id'];
      const earlier =
        typeof previousId === 'string' ? find(previousId, request.workspace, request.atMs) : null;
      known.set(request.messageId, own);
      const [oldest] = known.keys();
      if (known.size > FINGERPRINTS_MAX && oldest !== undefined) known.delete(oldest);
      if (typeof previousId !== 'string') return null;
      const reason = earlier ? compare(earlier, own) : { type: 'previous_message_not_found' };
      return reason === null ? null : { cache_miss_reason: reason };
    },
    reset: () => known.clear(),
  };
}
