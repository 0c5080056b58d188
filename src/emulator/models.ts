import { defaultCatalogue, resolveModel, type ModelFacts } from '../core/index.ts';

const supported = { supported: true };

function capabilities(facts: ModelFacts): unknown {
  const isAdaptive = facts.thinking.whenOmitted === 'adaptive';
  return {
    batch: supported,
    citations: supported,
    code_execution: supported,
    context_management: {
      supported: true,
      clear_thinking_20251015: supported,
      clear_tool_uses_20250919: supported,
      compact_20260112: supported,
    },
    effort: {
      supported: true,
      low: supported,
      medium: supported,
      high: supported,
      max: supported,
      xhigh: null,
    },
    image_input: supported,
    pdf_input: supported,
    server_tools: { supported: true, code_execution: supported, web_search: supported },
    structured_outputs: supported,
    thinking: {
      supported: true,
      types: {
        adaptive: { supported: isAdaptive },
        between_tools: { supported: facts.thinking.isBound },
        disabled: { supported: !facts.thinking.isBound },
        enabled: { supported: !isAdaptive },
      },
    },
  };
}

/** `claude-opus-5-5` as people write it: Claude Opus 5.5. */
function displayName(facts: ModelFacts): string {
  const [major, minor] = facts.version;
  const family = facts.family[0]?.toUpperCase() + facts.family.slice(1);
  if (facts.id.endsWith('-preview')) return `Claude ${family} Preview`;
  return `Claude ${family} ${major}${minor > 0 ? `.${minor}` : ''}`;
}

/** A model as the API shows it. */
export interface ShownModel {
  readonly id: string;
  readonly [member: string]: unknown;
}

/** One model as `GET /v1/models/ID` shows it. */
function describeModel(facts: ModelFacts): ShownModel {
  return {
    id: facts.id,
    type: 'model',
    display_name: displayName(facts),
    created_at: `${facts.prices[0]?.validFrom ?? '2024-08-14'}T00:00:00Z`,
    deprecated_at: null,
    retires_at: null,
    lifecycle: 'active',
    line: facts.family,
    max_input_tokens: 1_000_000,
    max_tokens: 128_000,
    capabilities: capabilities(facts),
  };
}

/** All models in the order of `GET /v1/models`. */
export function listModels(): readonly ShownModel[] {
  return defaultCatalogue.map(describeModel);
}

/** A model by id or alias; null when there is none. */
export function findModel(id: string): ShownModel | null {
  const resolved = resolveModel(id);
  return resolved.kind === 'exact' ? describeModel(resolved.facts) : null;
}
