import type { OpenQuestions } from '../cache/rules.ts';
import type { ModelFacts } from '../catalogue/types.ts';
import { isObject, type JsonObject } from '../json.ts';
import { canonicalJson, hasKeyOrder, withoutMember } from './canonical.ts';
import type { RawBlock } from './raw-blocks.ts';

/**
 * Request settings that are part of the prefix although they are no blocks, by the level that a change
 * of them loses (spec 6, 13). Each is a text that goes into the prefix hash where that level begins.
 */
export interface SettingMixes {
  readonly root: string;
  readonly system: string;
  readonly messages: string;
}

/** Settings that decide how thinking is treated, with the model's defaults filled in. */
export interface ThinkingSetting {
  readonly mode: string;
  readonly budgetTokens: number | null;
}

/** `thinking` with an omitted one resolved to the model's default; how it is displayed is not in the prompt. */
export function resolveThinking(body: JsonObject, model: ModelFacts): ThinkingSetting {
  const thinking = isObject(body['thinking']) ? body['thinking'] : {};
  const mode = typeof thinking['type'] === 'string' ? thinking['type'] : model.thinking.whenOmitted;
  const budget = thinking['budget_tokens'];
  return { mode, budgetTokens: mode === 'enabled' && typeof budget === 'number' ? budget : null };
}

function outputConfig(body: JsonObject): JsonObject {
  return isObject(body['output_config']) ? body['output_config'] : {};
}

function describeToolChoice(body: JsonObject): unknown {
  const choice = isObject(body['tool_choice']) ? body['tool_choice'] : {};
  return [choice['type'] ?? 'auto', choice['name'] ?? null, choice['disable_parallel_tool_use'] === true];
}

/** A tool of which the service writes into the system prompt: web search and web fetch (spec 6, 14.7). */
export function rendersInSystem(block: RawBlock): boolean {
  return block.level === 'tools' && /^web_(search|fetch)_/.test(block.type);
}

function skillsOf(body: JsonObject): unknown {
  const container = body['container'];
  const skills = isObject(container) ? container['skills'] : null;
  return Array.isArray(skills) && skills.length > 0 ? skills : null;
}

interface ContentFacts {
  readonly hasImage: boolean;
  readonly hasCitations: boolean;
}

/** Deep enough for a document inside a tool result; deeper nesting is no content of the API. */
const CONTENT_DEPTH_MAX = 4;

function inspect(
  value: JsonObject,
  depth: number,
  found: { hasImage: boolean; hasCitations: boolean },
): void {
  if (value['type'] === 'image') found.hasImage = true;
  if (isObject(value['citations']) && value['citations']['enabled'] === true) found.hasCitations = true;
  if (depth === 0) return;
  const source = isObject(value['source']) ? value['source'] : {};
  for (const list of [value['content'], source['content']]) {
    if (!Array.isArray(list)) continue;
    for (const item of list) if (isObject(item)) inspect(item, depth - 1, found);
  }
}

function inspectContent(blocks: readonly RawBlock[]): ContentFacts {
  const found = { hasImage: false, hasCitations: false };
  for (const block of blocks) {
    if (block.level !== 'tools' && block.type !== 'text' && block.type !== 'tool_use' && !block.plain) {
      inspect(block.value, CONTENT_DEPTH_MAX, found);
    }
  }
  return found;
}

/**
 * Does a message define the first tool of a prompt that begins without any? What the service renders for having
 * tools at all then appears at the very front, which is one full miss (spec 6).
 */
function definesFirstToolInline(blocks: readonly RawBlock[]): boolean {
  if (blocks.some((block) => block.level === 'tools')) return false;
  return blocks.some((block) => {
    const tool = block.type === 'tool_addition' ? block.value['tool'] : null;
    return isObject(tool) && tool['type'] === 'tool_definition';
  });
}

function rendersAhead(model: ModelFacts, open: OpenQuestions): boolean {
  return open.configRender === 'model' ? model.rendersConfigAhead : open.configRender === 'ahead';
}

/** The mixes of a request: what is left out of them never matters to the prefix (spec 1.2, 6). */
export function readSettingMixes(
  body: JsonObject,
  model: ModelFacts,
  blocks: readonly RawBlock[],
  open: OpenQuestions,
): SettingMixes {
  const config = outputConfig(body);
  const thinking = resolveThinking(body, model);
  const reasoning = [thinking.mode, thinking.budgetTokens, config['effort'] ?? model.defaultEffort];
  const format = config['format'] ?? body['output_format'] ?? null;
  const content = inspectContent(blocks);
  const systemTools = blocks
    .filter(rendersInSystem)
    .map((block) => withoutMember(block.value, 'cache_control'));
  const system: unknown[] = [
    systemTools,
    content.hasCitations,
    body['speed'] ?? 'standard',
    skillsOf(body),
    open.outputFormatLevel === 'system' ? format : null,
  ];
  const messages: unknown[] = [
    describeToolChoice(body),
    content.hasImage,
    reasoning,
    config['task_budget'] ?? null,
    open.outputFormatLevel === 'messages' ? format : null,
  ];
  const sourceOrder = hasKeyOrder(body);
  const ahead = rendersAhead(model, open) ? canonicalJson(reasoning, sourceOrder) : '';
  return {
    root: definesFirstToolInline(blocks) ? `${ahead}+tools` : ahead,
    system: canonicalJson(system, sourceOrder),
    messages: canonicalJson(messages, sourceOrder),
  };
}
