import { createHash } from 'node:crypto';
import { isObject, memberOf, objectsIn, type JsonObject } from './reference-json.ts';
import { innerBlocks } from './reference-markers.ts';
import { factsOf, undatedId } from './reference-models.ts';
import { blocksOf, isWebTool, thinkingOf, withoutMarkers, type RenderedBlock } from './reference-render.ts';

function hash(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function effortOf(body: JsonObject): unknown {
  return memberOf(body['output_config'], 'effort') ?? factsOf(String(body['model'])).defaultEffort;
}

/** Whether any message block, or block inside one, satisfies the test. */
function hasBlock(body: JsonObject, test: (block: JsonObject) => boolean): boolean {
  const isFound = (block: JsonObject): boolean => test(block) || innerBlocks(block).some(isFound);
  return objectsIn(body['messages']).some((message) => blocksOf(message['content']).some(isFound));
}

/** Root of all keys: nothing is shared between workspaces or models (spec 8), nor, where rendered ahead, between configurations (spec 6). */
function rootKey(body: JsonObject, workspace: string): string {
  const model = String(body['model']);
  const isAhead = factsOf(model).rendersConfigAhead;
  return hash('root', workspace, undatedId(model), isAhead ? [thinkingOf(body), effortOf(body)] : null);
}

/** What changes the system prompt without being a block of it (spec 6, 13). */
function systemMix(body: JsonObject): unknown {
  const webTools = objectsIn(body['tools']).filter(
    (tool) => isWebTool(tool) && tool['defer_loading'] !== true,
  );
  return {
    web: webTools.map(withoutMarkers),
    citations: hasBlock(body, (block) => memberOf(block['citations'], 'enabled') === true),
    speed: body['speed'] ?? 'standard',
    skills: memberOf(body['container'], 'skills') ?? [],
  };
}

/** What changes the rendering of all messages (spec 6, 13). */
function messagesMix(body: JsonObject): unknown {
  const choice = isObject(body['tool_choice']) ? body['tool_choice'] : {};
  return {
    toolChoice: [
      choice['type'] ?? 'auto',
      choice['name'] ?? null,
      choice['disable_parallel_tool_use'] ?? false,
    ],
    hasImage: hasBlock(body, (block) => block['type'] === 'image'),
    thinking: thinkingOf(body),
    effort: effortOf(body),
    taskBudget: memberOf(body['output_config'], 'task_budget') ?? null,
    format: memberOf(body['output_config'], 'format') ?? null,
  };
}

/** The key of the prefix ending at each block (spec 1.2, 13). */
export function prefixKeys(body: JsonObject, workspace: string, blocks: readonly RenderedBlock[]): string[] {
  let key = rootKey(body, workspace);
  let level = 'tools';
  return blocks.map((block) => {
    if (level === 'tools' && block.level !== 'tools') key = hash(key, systemMix(body));
    if (level !== 'messages' && block.level === 'messages') key = hash(key, messagesMix(body));
    level = block.level;
    if (block.content !== null) key = hash(key, block.level, block.content);
    return key;
  });
}
